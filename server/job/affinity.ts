// What makes two requests share a loaded runner: the model and the few options Ollama compares before it reloads
// (its needsReload). Everything here works on the text of the request alone; which names share weights is known only
// to the target and is folded in by ollama/names.ts.

/** A model name taken apart. All parts are as written, defaults filled in, what says where it runs taken off. */
export interface ModelName {
  host: string
  namespace: string
  model: string
  tag: string
  /** Runs on ollama.com: no local runner, nothing to load. */
  cloud: boolean
}

const defaults = { host: 'registry.ollama.ai', namespace: 'library', tag: 'latest' }
const part = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}$/
const spacePart = /^[A-Za-z0-9_][A-Za-z0-9_-]{0,79}$/
const hostPart = /^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,349}$/

/** Longer than any name can be: host, namespace, model and tag at their longest, and room for what is taken off. */
const longestName = 1_100

/** Reads `[scheme://][host/][namespace/]model[:tag]`; undefined when Ollama would answer `invalid model name`. */
export function parseModel(name: string): ModelName | undefined {
  if (name.length > longestName) return undefined
  let rest = name.trim().replace(/^[a-z]+:\/\//i, '')
  let cloud = false
  const local = without(rest, ':local')
  if (local !== rest) rest = local
  else {
    rest = without(rest, ':cloud')
    cloud = rest !== local
  }
  const slash = rest.lastIndexOf('/')
  const colon = rest.lastIndexOf(':')
  let tag = defaults.tag
  if (colon > slash) {
    tag = rest.slice(colon + 1)
    rest = rest.slice(0, colon)
  }
  const bare = without(tag, '-cloud')
  if (bare !== tag) {
    cloud = true
    tag = bare
  }
  const parts = rest.split('/')
  if (parts.length > 3) return undefined
  const model = parts.pop() ?? ''
  const namespace = parts.pop() ?? defaults.namespace
  const host = parts.pop() ?? defaults.host
  if (!part.test(model) || !part.test(tag) || !spacePart.test(namespace) || !hostPart.test(host)) return undefined
  return { host, namespace, model, tag, cloud }
}

/** The text without `suffix` at its end, however often it stands there and in whichever case. */
function without(text: string, suffix: string): string {
  let end = text.length
  while (end >= suffix.length && text.slice(end - suffix.length, end).toLowerCase() === suffix) end -= suffix.length
  return text.slice(0, end)
}

/**
 * The one spelling of a model that foreman groups by: Ollama's display form (`llama3:latest`, `hf.co/u/m:q4`) in lower
 * case, with `:cloud` at the end of cloud models (`gpt-oss:20b-cloud` too). A name Ollama would refuse comes back trimmed and lower-cased.
 */
export function canonicalModel(name: string): string {
  const parsed = parseModel(name)
  if (!parsed) return name.trim().toLowerCase()
  const { model, tag, cloud } = parsed
  const [host, namespace] = [parsed.host.toLowerCase(), parsed.namespace.toLowerCase()]
  let path = `${model}:${tag}`.toLowerCase()
  if (host !== defaults.host) path = `${host}/${namespace}/${path}`
  else if (namespace !== defaults.namespace) path = `${namespace}/${path}`
  return cloud ? `${path}:cloud` : path
}

/** Whether the model runs on ollama.com and so needs no local runner. */
export function isCloud(name: string): boolean {
  return parseModel(name)?.cloud ?? false
}

/** The options whose difference makes Ollama reload. An absent one is automatic. */
export interface RunnerOptions {
  num_ctx?: number
  num_batch?: number
  /** -1 asks for no number of layers, even where the Modelfile does, and so matches any runner. */
  num_gpu?: number
  main_gpu?: number
  num_thread?: number
  draft_num_predict?: number
  use_mmap?: boolean
  /** Only `false` is another runner; absent is what the model's family is used to. */
  shift?: boolean
}

const whole = ['num_ctx', 'num_batch', 'num_gpu', 'main_gpu', 'num_thread', 'draft_num_predict'] as const
const shifting = new Set(['/api/chat', '/api/generate'])

/**
 * The runner options of a request body. `/v1/*` can set none, the embedding routes no `shift`. Numbers are cut to whole ones
 * as Ollama does; what has the wrong type is left out, as it is for Ollama to refuse.
 */
export function runnerOptions(endpoint: string, body: { options?: unknown; shift?: unknown }): RunnerOptions {
  if (endpoint.startsWith('/v1/')) return {}
  const given =
    typeof body.options === 'object' && body.options !== null ? (body.options as Record<string, unknown>) : {}
  const options: RunnerOptions = {}
  for (const name of whole) {
    const value = given[name]
    if (typeof value === 'number' && Number.isFinite(value)) options[name] = Math.trunc(value)
  }
  if (options.num_gpu !== undefined && options.num_gpu < 0) options.num_gpu = -1
  if (typeof given.use_mmap === 'boolean') options.use_mmap = given.use_mmap
  if (typeof body.shift === 'boolean' && shifting.has(endpoint)) options.shift = body.shift
  return options
}

/** What the target tells of a model that decides what its options come to. */
export interface ModelFacts {
  /** The context it was trained for; absent: not told. */
  trainedContext?: number
  vision?: boolean
  /** Whether its context is shifted unless a request says otherwise; absent: it is. */
  shifts?: boolean
  /** An MLX model: its runner serves whatever is asked of it. */
  mlx?: boolean
}

/** The options as Ollama compares them: the Modelfile's under the request's, within what the model can do. */
export function effectiveOptions(asked: RunnerOptions, facts: ModelFacts): RunnerOptions {
  if (facts.mlx) return {}
  const { num_ctx, num_gpu, shift = facts.shifts ?? true, ...options } = asked
  const effective: RunnerOptions = options
  if (num_ctx !== undefined) {
    const least = facts.vision ? 2048 : 4
    effective.num_ctx = Math.min(Math.max(num_ctx, least), facts.trainedContext ?? Infinity)
  }
  if (num_gpu !== undefined && num_gpu >= 0) effective.num_gpu = num_gpu
  if (!shift) effective.shift = false
  return effective
}

/** The text both lanes group by: canonical model, then the set options sorted by name. */
export function affinityKey(model: string, options: RunnerOptions): string {
  const set = Object.entries(options)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${String(value)}`)
    .sort()
  return [canonicalModel(model), ...set].join(' ')
}

/** Reads an affinity key back into its model and options. */
export function parseAffinityKey(key: string): { model: string; options: RunnerOptions } {
  const [model = '', ...set] = key.split(' ')
  const options: Record<string, number | boolean> = {}
  for (const pair of set) {
    const [name = '', value = ''] = pair.split('=')
    options[name] = value === 'true' ? true : value === 'false' ? false : Number(value)
  }
  return { model, options: options as RunnerOptions }
}
