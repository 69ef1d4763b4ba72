// `npm run simulated-ollama`: the simulated Ollama of tests and demo by itself, for a try by hand. An argument is its port.
import { startFake, type FakeModel } from '../server/ollama/fake/fake.ts'

const usage = 'npm run simulated-ollama -- PORT: from 0, which is any that is free, to 65535; 11434 unless given'
const args = process.argv.slice(2)
const [port = '11434'] = args
if (port === '--help' || port === '-h') {
  process.stdout.write(`${usage}\n`)
  process.exit(0)
}
if (args.length > 1 || !/^\d{1,5}$/.test(port) || Number(port) > 65_535) {
  process.stderr.write(`"${args.join(' ')}" is no port: ${usage}\n`)
  process.exit(2)
}

const embedder = 'nomic-embed-text'
const other = 'mistral'
const names = ['llama3.2', 'qwen3:4b', 'gemma3:1b']
const models: FakeModel[] = [...names, other].map((name) => ({ name, capabilities: ['completion', 'tools'] }))
const embedding: FakeModel = { name: embedder, capabilities: ['embedding'] }
try {
  const fake = await startFake({
    models: [...models.slice(0, -1), embedding],
    registry: [...models, embedding],
    port: Number(port),
    loadMs: 2_000,
    tokenMs: 50,
    tokens: 40,
  })
  process.stdout.write(
    `a simulated Ollama with ${names.join(', ')} and, for embeddings, ${embedder} listens on ${fake.url}; it holds one of them at a time, and can pull ${other}\n`,
  )
} catch (error) {
  process.stderr.write(`the simulated Ollama cannot listen: ${(error as Error).message}\n`)
  process.exit(1)
}
