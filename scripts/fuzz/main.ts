// `npm run fuzz`: schemathesis reads foreman's document and tries to find a request that gets what the document does not
// say. It goes on with one seed after the other until it has made 5,000 requests; `--quick` makes a tenth of that, and
// `--seed N` says where to begin. It needs Python 3.10 or newer.
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { PythonEnvironment } from '../python.ts'
import { Foreman } from './foreman.ts'

const here = import.meta.dirname
const document = join(here, '..', '..', 'openapi', 'openapi.json')
const say = (line: string) => process.stdout.write(`${line}\n`)

interface Run {
  code: number | null
  cases: number
}

/** One run with one seed. What it found is printed, with what repeats it. */
async function fuzz(program: string, foreman: Foreman, seed: number, examples: number): Promise<Run> {
  const folder = await mkdtemp(join(tmpdir(), 'foreman-fuzz-run-'))
  const args = ['--config-file', join(here, 'schemathesis.toml'), 'run', document, '--url', foreman.url]
  args.push('--header', `Authorization: Bearer ${foreman.token}`, '--checks', 'all', '--no-shrink')
  args.push('--max-examples', String(examples), '--seed', String(seed))
  const env = { ...process.env, SCHEMATHESIS_HOOKS: join(here, 'hooks.py') }
  const child = spawn(program, args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (piece: string) => (text += piece))
  try {
    const code = await new Promise<number | null>((resolve, reject) =>
      child.once('error', reject).once('close', resolve),
    )
    const cases = Number(/^ *(\d+) generated/m.exec(text)?.[1] ?? 0)
    // Without a case it has not even begun.
    if (code !== 0 || cases === 0) say(text)
    return { code: cases === 0 ? 1 : code, cases }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false }, seed: { type: 'string' } } })
const wanted = values.quick ? 500 : 5_000
const examples = values.quick ? 5 : 50
const first = Number(values.seed ?? 1)

const started = performance.now()
const python = new PythonEnvironment(join(here, 'requirements.txt'))
await python.make(say)
const program = python.program('schemathesis')
const foreman = await Foreman.start('token-of-the-fuzzer')
let made = 0
let seed = first
let failed = false
try {
  for (; made < wanted && !failed; seed++) {
    const { code, cases } = await fuzz(program, foreman, seed, examples)
    made += cases
    failed = code !== 0 || !foreman.running || foreman.faults.length > 0
    say(`seed ${seed}: ${cases} requests`)
  }
  if (!foreman.running) say('foreman has ended')
  for (const fault of foreman.faults) say(`foreman's log: ${fault}`)
} finally {
  await foreman.stop()
}
const seconds = Math.round((performance.now() - started) / 1000)
say(`fuzz: ${made} requests with seeds ${first} to ${seed - 1} in ${seconds} s: ${failed ? 'a fault' : 'no fault'}`)
process.exitCode = failed ? 1 : 0
