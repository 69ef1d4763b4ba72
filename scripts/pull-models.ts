// `npm run pull-models -- [LIST] [--wait SECONDS]`: the models of a list (deploy/models.txt) are there when it ends with 0,
// pulled by the target through foreman. 1: some could not be had, each with its reason; 2: asked for in a wrong way.
// FOREMAN_URL says where foreman is, FOREMAN_TOKEN or FOREMAN_TOKEN_FILE what it wants to see.

import { existsSync, readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { bring } from './models/bring.ts'
import { Away, Foreman, Refused, type Access } from './models/foreman.ts'
import { readList, type Wanted } from './models/list.ts'
import { Patience } from './models/patience.ts'
import { Screen } from './models/screen.ts'

const defaults = { list: join(import.meta.dirname, '../deploy/models.txt'), url: 'http://127.0.0.1:11435', wait: '600' }

function accessOf(env: NodeJS.ProcessEnv): Access {
  const url = env.FOREMAN_URL || defaults.url
  const { username, password } = URL.parse(url) ?? {}
  if (username || password) throw new Error('FOREMAN_URL has a user or a password in it: FOREMAN_TOKEN is for that')
  if (!/^https?:$/.test(URL.parse(url)?.protocol ?? ''))
    throw new Error(`FOREMAN_URL is ${url}, and no http or https URL`)
  const token = env.FOREMAN_TOKEN || (env.FOREMAN_TOKEN_FILE && readFileSync(env.FOREMAN_TOKEN_FILE, 'utf8'))
  // Foreman accepts several while they are changed; any of them will do.
  return { url: url.replace(/\/+$/, ''), token: token?.split(',')[0]?.trim() || undefined }
}

function listAt(path: string): Wanted[] {
  const text = readFileSync(path, 'utf8')
  try {
    return readList(text)
  } catch (error) {
    throw new Error(`${path}: ${(error as Error).message}`, { cause: error })
  }
}

function read(args: string[]): { wanted: Wanted[]; access: Access; wait_ms: number } {
  if (existsSync('.env')) process.loadEnvFile('.env')
  const options = { wait: { type: 'string', default: defaults.wait } } as const
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options })
  const [list = defaults.list, ...more] = positionals
  if (more.length > 0) throw new Error('it takes one list')
  if (!/^\d+$/.test(values.wait)) throw new Error('--wait takes a number of seconds')
  return { wanted: listAt(list), access: accessOf(process.env), wait_ms: Number(values.wait) * 1000 }
}

async function main(): Promise<number> {
  let asked: ReturnType<typeof read>
  try {
    asked = read(process.argv.slice(2))
  } catch (error) {
    process.stderr.write(`pull-models: ${(error as Error).message}\n`)
    return 2
  }
  const screen = new Screen(process.stdout, process.stderr)
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => {
      screen.leave()
      // As the first process of a container it would not end by the signal itself.
      process.exit(128 + constants.signals[signal])
    })
  const time = { now: () => performance.now(), pause: (ms: number) => pause(ms) }
  const patience = new Patience(time, asked.wait_ms, (line) => screen.tell(line))
  try {
    return (await bring(asked.wanted, { foreman: new Foreman(asked.access), patience, screen })) > 0 ? 1 : 0
  } catch (error) {
    if (!(error instanceof Away || error instanceof Refused)) throw error
    screen.failed('pull-models', error.message)
    return 1
  }
}

process.exitCode = await main()
