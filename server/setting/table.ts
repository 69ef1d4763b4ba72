// Every setting of foreman: its variable, what it means unset, its kind and its meaning. The order is that of the documents.
// How a kind is read stands in kind.ts; how an environment becomes a Config in config.ts.
import * as kind from './kind.ts'

/** One row of the table. `fallback` is what an unset variable means, as text or, when no text says it, as value. */
export interface Setting<T> {
  readonly name: string
  readonly fallback: { readonly text: string } | { readonly value: T }
  readonly kind: kind.Kind<T>
  readonly meaning: string
  readonly secret: boolean
}

function setting<T>(name: string, text: string, of: kind.Kind<T>, meaning: string): Setting<T> {
  return { name: `FOREMAN_${name}`, fallback: { text }, kind: of, meaning, secret: false }
}

function optional<T>(name: string, of: kind.Kind<T>, meaning: string): Setting<T | null> {
  return { name: `FOREMAN_${name}`, fallback: { value: null }, kind: of, meaning, secret: false }
}

function several<T>(name: string, of: kind.Kind<T>, meaning: string): Setting<readonly T[]> {
  return { ...setting(name, '', kind.list(of), meaning), fallback: { value: Object.freeze([]) } }
}

function secret<T>(row: Setting<T>): Setting<T> {
  return { ...row, secret: true }
}

const levels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const

/** The key is the name of the value in a Config. */
export const table = {
  target: setting('TARGET', 'http://127.0.0.1:11434', kind.targetUrl, 'the one Ollama; a path prefix is kept'),
  targetToken: secret(optional('TARGET_TOKEN', kind.token, 'bearer sent to the target')),
  listen: setting('LISTEN', '127.0.0.1:11435', kind.listenAddress, 'where foreman listens; port 0 picks one'),
  publicUrl: optional(
    'PUBLIC_URL',
    kind.publicUrl,
    'base of links in jobs and webhooks; unset: where foreman listens, which nobody outside a container reaches',
  ),
  data: setting('DATA', './data', kind.path, 'folder of foreman.db'),
  tokens: secret(several('TOKEN', kind.token, 'accepted tokens; several while you rotate them')),
  allowAnonymous: setting('ALLOW_ANONYMOUS', '0', kind.flag, '1: listen beyond loopback without a token'),
  corsOrigins: several('CORS_ORIGINS', kind.origin, 'browser origins allowed beside the ones Ollama allows'),
  hosts: several('HOSTS', kind.hostName, 'Host names accepted beside localhost and the listening address'),
  peoplePatience: setting(
    'PEOPLE_PATIENCE',
    '10s',
    kind.duration('off'),
    'a held person waits so long before it is their turn; off never holds',
  ),
  patience: setting('PATIENCE', '5m', kind.duration(), 'a model with waiting jobs waits so long before it is its turn'),
  hold: setting('HOLD', '60s', kind.duration('0'), "jobs leave people's model alone so long after the last request"),
  yieldMax: setting(
    'YIELD_MAX',
    '15m',
    kind.duration('0', 'off'),
    'jobs claim a turn after stepping aside so long; 0 at once, off never',
  ),
  claim: setting('CLAIM', '2m', kind.duration(), 'length of a claimed turn'),
  absentHold: setting(
    'ABSENT_HOLD',
    '30s',
    kind.duration('0'),
    "people's inference waits so long for an absent target; 0 answers 503 at once",
  ),
  jobTimeout: setting(
    'JOB_TIMEOUT',
    '30m',
    kind.duration(),
    'default and upper limit of timeout_s, the working time of a job',
  ),
  maxAttempts: setting('MAX_ATTEMPTS', '3', kind.count(1, 10), 'attempts of a job that names no number'),
  loadStall: setting('LOAD_STALL', '10m', kind.duration(), 'a model load silent for longer is looked into'),
  keepAliveAfter: optional(
    'KEEP_ALIVE_AFTER',
    kind.keepAlive,
    "keep_alive of the last job when the queue empties; unset: the target's own",
  ),
  grace: setting('GRACE', '2m', kind.duration(), 'failing probes for so long give a running request up'),
  wakeMac: optional('WAKE_MAC', kind.macAddress, "Wake-on-LAN: the MAC address of the target's machine"),
  wakeBroadcast: setting('WAKE_BROADCAST', '255.255.255.255', kind.ipv4, 'Wake-on-LAN: where the packet is broadcast'),
  queueMax: setting(
    'QUEUE_MAX',
    '100000',
    kind.count(1, 1_000_000_000),
    'waiting jobs before a submit is answered 503',
  ),
  bodyMax: setting(
    'BODY_MAX',
    '64MB',
    kind.size('1KB', '500MB'),
    'largest body or answer of a job; people have no limit',
  ),
  keepDone: setting('KEEP_DONE', '7d', kind.duration('off'), 'done jobs are kept so long; off keeps them'),
  keepFailed: setting(
    'KEEP_FAILED',
    '30d',
    kind.duration('off'),
    'failed and canceled jobs are kept so long; off keeps them',
  ),
  webhookSecrets: secret(
    several(
      'WEBHOOK_SECRET',
      kind.webhookSecret,
      'signs webhooks; without one they are refused; several while you rotate them',
    ),
  ),
  webhookUrl: optional('WEBHOOK_URL', kind.receiverUrl, 'receiver of jobs that name none'),
  webhookAllow: several(
    'WEBHOOK_ALLOW',
    kind.network,
    'loopback or private receivers that may be called, in plain http too: ranges, addresses or exact names',
  ),
  stopGrace: setting(
    'STOP_GRACE',
    '10s',
    kind.duration('0'),
    "time the running job and people's answers get at SIGTERM",
  ),
  logLevel: setting('LOG_LEVEL', 'info', kind.oneOf(...levels), 'how much is logged'),
}
