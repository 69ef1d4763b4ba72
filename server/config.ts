// From an environment to a frozen Config, or to the list of every mistake in it at once. Nothing here reads the
// environment or a file by itself, and no part receives the Config: app.ts hands each the values it uses. Which
// settings there are stands in setting/table.ts.
import leven from 'leven'
import { isLoopback, isWildcard, urlOf } from './setting/address.ts'
import { Receivers } from './setting/receiver.ts'
import { table, type Setting } from './setting/table.ts'

/** One value per setting; durations in milliseconds (`off` is null), sizes in bytes, unset ones null or an empty list. */
export type Config = {
  readonly [Key in keyof typeof table]: (typeof table)[Key] extends Setting<infer T> ? T : never
}

/** The table as people read it, for .env.example and `--check`: one row a variable, in the order of the documents. */
export const settings = Object.values<Setting<unknown>>(table).map((row) => ({
  name: row.name,
  fallback: 'text' in row.fallback ? row.fallback.text : '',
  accepts: row.kind.accepts,
  meaning: row.meaning,
  secret: row.secret,
}))

/** One thing wrong in the environment: the variable, what it was (secrets only by their length), what may stand there. */
export interface Mistake {
  readonly variable: string
  readonly given: string
  readonly accepted: string
}

/** All mistakes at once; the message has a line for each. */
export class ConfigError extends Error {
  readonly mistakes: readonly Mistake[]

  constructor(mistakes: readonly Mistake[]) {
    const lines = mistakes.map(({ variable, given, accepted }) => `  ${variable} is ${given}; accepted: ${accepted}`)
    super([`${mistakes.length === 1 ? '1 setting is' : `${mistakes.length} settings are`} wrong:`, ...lines].join('\n'))
    this.name = 'ConfigError'
    this.mistakes = mistakes
  }
}

type Environment = Readonly<Record<string, string | undefined>>
type ReadFile = (path: string) => string

/**
 * Reads an environment. An empty variable counts as unset. `readFile` gives the text of a `…_FILE` and throws when it
 * can't. Throws a ConfigError with every mistake.
 */
export function loadConfig(env: Environment, readFile: ReadFile): Config {
  const mistakes = unknownVariables(env)
  const values: Record<string, unknown> = {}
  for (const [key, row] of Object.entries<Setting<unknown>>(table)) {
    const value = read(row, env, readFile)
    if ('mistake' in value) mistakes.push(value.mistake)
    else values[key] = value.data
  }
  mistakes.push(...contradictions(values as Partial<Config>))
  if (mistakes.length > 0) throw new ConfigError(mistakes)
  const config = values as Config
  const publicUrl = config.publicUrl ?? (config.listen.port === 0 ? null : urlOf(config.listen))
  return Object.freeze({ ...config, publicUrl })
}

function read(row: Setting<unknown>, env: Environment, readFile: ReadFile): { data: unknown } | { mistake: Mistake } {
  const source = row.secret ? secretSource(row, env, readFile) : { variable: row.name, text: env[row.name]?.trim() }
  if ('mistake' in source) return source
  const { variable, text } = source
  if (!text) {
    return { data: 'text' in row.fallback ? row.kind.schema.parse(row.fallback.text) : row.fallback.value }
  }
  const result = row.kind.schema.safeParse(text)
  if (result.success) return { data: result.data }
  const given = row.secret ? `a secret of ${text.length} characters` : shown(text)
  return { mistake: { variable, given, accepted: row.kind.accepts } }
}

/** Where a secret comes from: its variable, or the file that its `…_FILE` names. */
function secretSource(
  row: Setting<unknown>,
  env: Environment,
  readFile: ReadFile,
): { variable: string; text: string | undefined } | { mistake: Mistake } {
  const variable = `${row.name}_FILE`
  const text = env[row.name]?.trim()
  const path = env[variable]?.trim()
  if (!path) return { variable: row.name, text }
  if (text) return { mistake: { variable, given: `set beside ${row.name}`, accepted: 'one of the two' } }
  const accepted = `a file that holds ${row.kind.accepts}`
  try {
    const content = readFile(path).trim()
    // An empty file must not read as "no token": that would open a door somebody meant to close.
    return content
      ? { variable, text: content }
      : { mistake: { variable, given: `${shown(path)}, an empty file`, accepted } }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : ''
    return { mistake: { variable, given: `${shown(path)}, a file that can't be read${code}`, accepted } }
  }
}

/** Tells callers where foreman is: a shell may have it for both. */
const forCallers = 'FOREMAN_URL'

function unknownVariables(env: Environment): Mistake[] {
  const known = Object.values<Setting<unknown>>(table).flatMap(({ name, secret }) =>
    secret ? [name, `${name}_FILE`] : [name],
  )
  const unknown = Object.keys(env).filter(
    (name) => name.startsWith('FOREMAN_') && !known.includes(name) && name !== forCallers,
  )
  return unknown.sort().map((variable) => {
    const near = known
      .map((name) => ({ name, distance: leven(name, variable) }))
      .sort((a, b) => a.distance - b.distance)[0]
    const accepted =
      near && near.distance <= 3 ? `${near.name} (did you mean that?)` : 'the variables of .env.example and no others'
    return { variable, given: 'not a setting', accepted }
  })
}

/** What is wrong with values that are each fine alone; one that was a mistake already is absent and not looked at. */
function contradictions(values: Partial<Config>): Mistake[] {
  const { listen, target, publicUrl, tokens, allowAnonymous, webhookUrl, webhookSecrets, webhookAllow } = values
  const found: Mistake[] = []
  if (listen && !isLoopback(listen.host) && tokens?.length === 0 && allowAnonymous === false) {
    const accepted = 'a loopback address, or any with FOREMAN_TOKEN set, or any with FOREMAN_ALLOW_ANONYMOUS=1'
    found.push({ variable: 'FOREMAN_LISTEN', given: `"${listen.host}:${listen.port}" without a token`, accepted })
  }
  if (listen && target !== undefined && isSelf(new URL(target), listen)) {
    found.push({ variable: 'FOREMAN_TARGET', given: shown(target), accepted: 'another address than FOREMAN_LISTEN' })
  }
  if (target !== undefined && target === publicUrl) {
    const accepted = "where callers reach foreman, not the target's address"
    found.push({ variable: 'FOREMAN_PUBLIC_URL', given: shown(target), accepted })
  }
  if (webhookUrl && webhookSecrets?.length === 0) {
    const accepted = 'a URL with FOREMAN_WEBHOOK_SECRET set, as webhooks are never sent unsigned'
    found.push({ variable: 'FOREMAN_WEBHOOK_URL', given: `${shown(webhookUrl)} without a secret`, accepted })
  }
  const refusal = webhookUrl && webhookAllow ? new Receivers(webhookAllow).refusal(webhookUrl) : undefined
  if (webhookUrl && refusal !== undefined) {
    const accepted = 'an https URL of a public host, or any of a private host that FOREMAN_WEBHOOK_ALLOW lists'
    found.push({ variable: 'FOREMAN_WEBHOOK_URL', given: `${shown(webhookUrl)} (${refusal})`, accepted })
  }
  return found
}

/** Whether the target is where foreman listens: it would forward every request to itself. */
function isSelf(target: URL, listen: Config['listen']): boolean {
  const port = Number(target.port || (target.protocol === 'https:' ? 443 : 80))
  if (port !== listen.port) return false
  const here = (host: string) => isLoopback(host) || isWildcard(host)
  return here(listen.host) ? here(target.hostname) : target.hostname === new URL(urlOf(listen)).hostname
}

/** The value as it was, on one line and not too long, without the password or query of a URL. */
function shown(text: string): string {
  const safe = text.replace(/\/\/[^/@\s]*@/g, '//…@').replace(/\?.*/s, '?…')
  return JSON.stringify(safe.length > 200 ? `${safe.slice(0, 200)}…` : safe)
}
