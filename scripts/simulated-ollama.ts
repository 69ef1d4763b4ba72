// `npm run simulated-ollama`: the simulated Ollama of tests and demo by itself, for a try by hand. An argument is its port.
import { startFake } from '../server/ollama/fake/fake.ts'

const port = Number(process.argv[2] ?? 11434)
const embedder = 'nomic-embed-text'
const models = ['llama3.2', 'qwen3:4b', 'gemma3:1b']
try {
  const fake = await startFake({
    models: [...models, { name: embedder, capabilities: ['embedding'] }],
    port,
    loadMs: 2_000,
    tokenMs: 50,
    tokens: 40,
  })
  process.stdout.write(
    `a simulated Ollama with ${models.join(', ')} and, for embeddings, ${embedder} listens on ${fake.url}; it holds one of them at a time\n`,
  )
} catch (error) {
  process.stderr.write(`the simulated Ollama cannot listen: ${(error as Error).message}\n`)
  process.exit(1)
}
