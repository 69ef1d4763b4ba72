// Which web pages may call: the origins Ollama itself accepts on proxied routes, CORS_ORIGINS everywhere. foreman
// answers for CORS itself; the target never sees an Origin.

/** Ollama's defaults: pages of this machine on any port, and the schemes of desktop apps. */
const ollamaDefaults = [
  /^https?:\/\/(localhost|127\.0\.0\.1|0\.0\.0\.0)(:\d+)?$/,
  /^(app|file|tauri|vscode-webview|vscode-file):\/\//,
]

/** What a page may read of an answer beside the plain headers. */
const exposed =
  'Accept-Ranges, Content-Disposition, Content-Range, ETag, Idempotency-Replayed, Location, Preference-Applied, Retry-After, X-Request-Id, X-Should-Retry'

/** The origins of one kind of route. */
export class Origins {
  readonly #patterns: RegExp[]
  readonly #ownHost: boolean

  /** `configured` are CORS_ORIGINS, `*` in one stands for anything but a slash; `proxied` adds what Ollama accepts. */
  constructor(configured: readonly string[], proxied: boolean) {
    this.#patterns = [...configured.map(patternOf), ...(proxied ? ollamaDefaults : [])]
    this.#ownHost = proxied
  }

  /** Whether a page of `origin` may call; `host` is the request's own Host. */
  allows(origin: string, host: string | undefined): boolean {
    if (this.#patterns.some((pattern) => pattern.test(origin))) return true
    return this.#ownHost && host !== undefined && (origin === `http://${host}` || origin === `https://${host}`)
  }
}

/** Header lines that let a page of `origin` read an answer, flat. */
export function corsHeaders(origin: string): string[] {
  return ['Access-Control-Allow-Origin', origin, 'Access-Control-Expose-Headers', exposed, 'Vary', 'Origin']
}

/** Headers of the answer to a preflight, which asks for `headers`. */
export function preflightHeaders(origin: string, headers: string | undefined): Record<string, string> {
  return {
    'access-control-allow-origin': origin,
    'access-control-allow-methods': 'GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS',
    ...(headers === undefined ? {} : { 'access-control-allow-headers': headers }),
    'access-control-max-age': '43200',
    vary: 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers',
  }
}

function patternOf(origin: string): RegExp {
  const text = origin.trim().replace(/\/$/, '')
  const parts = text.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(text === '*' ? '' : `^${parts.join('[^/]*')}$`, 'i')
}
