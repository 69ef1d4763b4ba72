// Looking at a person's inference request without touching it: which paths are looked at, and which model and runner
// options its body asks for. A body that can't be read is forwarded all the same; its key then can't be told.
import { affinityKey, runnerOptions } from '../job/affinity.ts'
import type { Kind } from './capture.ts'
import { JsonScan, type Capture } from './scan.ts'

/** The routes that need a runner. */
const inference = new Set([
  '/api/chat',
  '/api/generate',
  '/api/embed',
  '/api/embeddings',
  '/v1/chat/completions',
  '/v1/completions',
  '/v1/embeddings',
  '/v1/responses',
  '/v1/messages',
  '/v1/audio/transcriptions',
])
/** What needs a runner and carries no JSON. */
const unreadable = new Set(['/v1/audio/transcriptions'])

/** The other routes of Ollama that metrics name; whatever else comes is counted by its first segment. */
const plain =
  '/ /api/version /api/status /api/tags /api/ps /api/show /api/pull /api/push /api/create /api/copy /api/delete /api/me /api/signout /v1/models'
const named = new Set([...inference, ...plain.split(' ')])

/** A captured value larger than this is no model name and no set of options. */
const largestMember = 64 * 1024

/** A request target as the target expects it: a client that takes foreman for its forward proxy sends a whole URL. */
export function originForm(url: string): string {
  if (url.startsWith('/')) return url
  return url.replace(/^[a-z][a-z\d+.-]*:\/\/[^/?#]*/i, '').replace(/^(?!\/)/, '/')
}

/** The path of a request target, decoded as the target will decode it. */
export function pathOf(url: string): string {
  const query = url.indexOf('?')
  const path = query < 0 ? url : url.slice(0, query)
  if (!path.includes('%')) return path
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}

/** Whether a request needs a runner, and so is counted. */
export function isInference(method: string, path: string): boolean {
  return method === 'POST' && inference.has(path)
}

/** Whether the body of such a request can tell which. */
export function isReadable(path: string): boolean {
  return !unreadable.has(path)
}

/** The metrics' name of a proxied route: one of a few, whatever clients ask for. */
export function routeOf(path: string): string {
  if (named.has(path)) return path
  if (path.startsWith('/api/blobs/')) return '/api/blobs/:digest'
  if (path.startsWith('/v1/models/')) return '/v1/models/:model'
  if (path.startsWith('/v1/responses/')) return '/v1/responses/:id'
  return path.startsWith('/api/') ? '/api/*' : path.startsWith('/v1/') ? '/v1/*' : '/*'
}

/** Where OpenAI's background mode is. */
export const backgroundPath = '/v1/responses'

/** Members that say how a call is to be answered. */
const flags = ['stream', 'background', 'store'] as const

/** Reads along while the body of one request arrives. It keeps no bytes. */
export class Peek {
  readonly #path: string
  readonly #scan = new JsonScan({
    mode: 'lenient',
    capture: [['model'], ['options'], ['shift'], ...flags.map((name) => [name])],
  })

  constructor(path: string) {
    this.#path = path
  }

  write(chunk: Buffer): void {
    this.#scan.write(chunk)
  }

  /** A flag of the body as far as that was read; undefined when it has none. */
  flag(name: (typeof flags)[number]): boolean | undefined {
    const kind = this.#kindOf(name)
    return kind === 'true' || kind === 'false' ? kind === 'true' : undefined
  }

  /** Whether something else stands where a flag should, which the target refuses; a null is none. */
  misfit(name: (typeof flags)[number]): boolean {
    const kind = this.#kindOf(name)
    return kind !== undefined && kind !== 'null' && this.flag(name) === undefined
  }

  /** Whether the body asks for a background response, as far as it was read. */
  get background(): boolean {
    return this.#path === backgroundPath && this.flag('background') === true
  }

  #kindOf(name: (typeof flags)[number]): Kind | undefined {
    return this.#scan.captures.find(({ path }) => path[0] === name)?.kind
  }

  /** The affinity key the whole body, given again, asks for; undefined when it can't be told. */
  key(body: readonly Buffer[]): string | undefined {
    this.#scan.end()
    const members: { model?: unknown; options?: unknown; shift?: unknown } = {}
    for (const capture of this.#scan.captures) {
      const name = capture.path[0] as keyof typeof members
      if (capture.end - capture.start > largestMember) return undefined
      try {
        members[name] = JSON.parse(textOf(body, capture))
      } catch {
        return undefined
      }
    }
    const { model } = members
    if (typeof model !== 'string' || model.trim() === '') return undefined
    return affinityKey(model, runnerOptions(this.#path, members))
  }
}

/** The captured text, whichever pieces it lies in. */
function textOf(body: readonly Buffer[], { start, end }: Capture): string {
  const parts: Buffer[] = []
  let at = 0
  for (const chunk of body) {
    if (at + chunk.length > start) parts.push(chunk.subarray(Math.max(0, start - at), end - at))
    at += chunk.length
    if (at >= end) break
  }
  return Buffer.concat(parts).toString()
}
