// The process edge: environment, signals, exit code, and the lines an operator sees first. Only this file touches
// `process`.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import pino, { type Logger } from 'pino'
import { startApp, type App } from './app.ts'
import { ConfigError, loadConfig, settings, type Config } from './config.ts'
import { storeUnusable } from './store/database.ts'
import { StoreUnusable } from './store/folder.ts'

const nodeNeeded = 24

/** Exit codes: 0 stopped as asked, 1 cannot run, 2 wrong settings. */
async function main(args: readonly string[]): Promise<void> {
  if (Number(process.versions.node.split('.')[0]) < nodeNeeded) {
    return fail(1, `foreman needs Node ${nodeNeeded} or newer, this is ${process.version}: start it with npm start`)
  }
  const unknown = args.find((arg) => arg !== '--check')
  if (unknown !== undefined)
    return fail(2, `foreman takes no argument ${unknown}: only --check, and settings from the environment or .env`)
  try {
    if (existsSync('.env')) process.loadEnvFile('.env')
  } catch (error) {
    return fail(2, `.env cannot be read: ${(error as Error).message}`)
  }
  let config: Config
  try {
    config = loadConfig(process.env, (path) => readFileSync(path, 'utf8'))
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return fail(2, error.message)
  }
  if (args.includes('--check')) return say(`settings are fine (${settings.length} known, see .env.example)\n`)
  await run(config, await logger(config.logLevel))
}

async function run(config: Config, log: Logger): Promise<void> {
  const starting = startApp({ config, log, owner: process.pid })
  stopOnSignal(starting, log)
  let app: App
  try {
    app = await starting
  } catch (thrown) {
    // The first look into the rows may be what finds the damage.
    const error = storeUnusable(thrown, join(config.data, 'foreman.db'))
    if (error instanceof StoreUnusable) return fail(1, `foreman cannot start: ${error.message}`)
    const { syscall, message } = error as { syscall?: string; message: string }
    if (syscall === 'listen' || syscall === 'bind' || syscall === 'getaddrinfo')
      return fail(1, `foreman cannot listen: ${message}`)
    throw error
  }
  const { target } = app
  const found = target.state === 'awake' ? `awake, Ollama ${target.version ?? 'of unknown version'}` : target.state
  log.info(`listening on ${boundTo(config.listen.host, app.url)}`)
  log.info(`in front of ${target.url} (${found})`)
  if (app.recovered > 0) log.info(`${app.recovered} interrupted job${app.recovered === 1 ? '' : 's'} queued again`)
}

/** The address as it is set: of one that stands for all of them, `url` names loopback. */
function boundTo(host: string, url: string): string {
  return url.replace(/\/\/.+(?=:\d+$)/, `//${host.includes(':') ? `[${host}]` : host}`)
}

/** The first signal stops foreman in order, as soon as it has started; the second one ends it at once. */
function stopOnSignal(starting: Promise<App>, log: Logger): void {
  let stopping = false
  const stop = async (signal: NodeJS.Signals) => {
    if (stopping) process.exit(1)
    stopping = true
    log.info({ signal }, 'stopping; a second signal exits at once')
    const app = await starting.catch(() => undefined)
    if (!app) return
    try {
      await app.close()
      log.info('stopped')
      process.exit(0)
    } catch (error) {
      log.error({ err: error }, 'could not stop cleanly')
      process.exit(1)
    }
  }
  process.on('SIGTERM', (signal) => void stop(signal))
  process.on('SIGINT', (signal) => void stop(signal))
}

/** JSON lines, or readable text on a terminal. */
async function logger(level: string): Promise<Logger> {
  const base = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime }
  if (!process.stdout.isTTY) return pino(base, pino.destination({ dest: 1, sync: true }))
  // Only for eyes: a daemon under an init system or in a container never loads it.
  const { default: pretty } = await import('pino-pretty')
  return pino(base, pretty({ sync: true, singleLine: true, translateTime: 'SYS:HH:MM:ss', ignore: 'pid,hostname' }))
}

function say(text: string): void {
  process.stdout.write(text)
}

function fail(code: number, message: string): void {
  process.stderr.write(`${message}\n`)
  process.exitCode = code
}

await main(process.argv.slice(2))
