// From a request to its route: the checks of Host and Origin, redirects, 404 and 405 in the words of the Go router, the
// body read where a route wants it, and whatever goes wrong turned into an answer.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { isIP } from 'node:net'
import { hostname, networkInterfaces } from 'node:os'
import { promisify } from 'node:util'
import { zstdDecompress } from 'node:zlib'
import { Answer, type Header } from './answer.ts'
import { embed, embeddings, v1Embeddings } from './embed.ts'
import { Cut, type Call } from './inference.ts'
import type { Seen } from './ledger.ts'
import { copy, ps, remove, show, tags, v1Models, v1OneModel } from './library.ts'
import { messages } from './messages.ts'
import { chat, generate } from './native.ts'
import { chatCompletions, completions } from './openai.ts'
import { Refusal } from './refusal.ts'
import { readFields } from './request.ts'
import { responses } from './responses.ts'
import { refuse, serve, strikeEarly, type Dialect } from './serve.ts'
import { create, headBlob, postBlob, pull, push } from './transfer.ts'
import type { World } from './world.ts'

type Handler = (world: World, call: Call, parameter: string) => Promise<void>

const dialect =
  (read: (world: World, call: Call) => Dialect): Handler =>
  (world, call) =>
    serve(world, call, read(world, call))
/** Routes that say something fixed, and those that fail early if a fault wants it. */
const quiet =
  (handler: Handler): Handler =>
  async (world, call, parameter) => {
    await strikeEarly(world, call)
    await handler(world, call, parameter)
  }
const running: Handler = (_, { answer }) =>
  answer.send(200, [['Content-Type', 'text/plain; charset=utf-8']], 'Ollama is running')
const version: Handler = (world, { answer }) => answer.sendJson(200, { version: world.settings.version })
const status: Handler = (_, { answer }) => answer.sendJson(200, { cloud: { disabled: true, source: 'env' } })
const webSearch: Handler = () => Promise.reject(new Refusal(403, 'ollama cloud is disabled: web search is unavailable'))

/** Methods in the order in which the Go router lists them. */
const routes: Record<string, Record<string, Handler>> = {
  '/': { HEAD: quiet(running), GET: quiet(running) },
  '/api/version': { HEAD: quiet(version), GET: quiet(version) },
  '/api/status': { GET: quiet(status) },
  '/api/tags': { HEAD: quiet(tags), GET: quiet(tags) },
  '/api/ps': { GET: quiet(ps) },
  '/api/show': { POST: quiet(show) },
  '/api/generate': { POST: dialect(generate) },
  '/api/chat': { POST: dialect(chat) },
  '/api/embed': { POST: embed },
  '/api/embeddings': { POST: embeddings },
  '/api/copy': { POST: quiet(copy) },
  '/api/delete': { DELETE: quiet(remove) },
  '/api/pull': { POST: pull },
  '/api/push': { POST: push },
  '/api/create': { POST: create },
  '/api/blobs/:': { HEAD: quiet(headBlob), POST: quiet(postBlob) },
  '/api/experimental/web_search': { POST: webSearch },
  '/v1/chat/completions': { POST: dialect(chatCompletions) },
  '/v1/completions': { POST: dialect(completions) },
  '/v1/embeddings': { POST: v1Embeddings },
  '/v1/models': { GET: quiet(v1Models) },
  '/v1/models/:': { GET: quiet(v1OneModel) },
  '/v1/responses': { POST: dialect(responses) },
  '/v1/messages': { POST: dialect(messages) },
}
/** Routes whose body is JSON with fields. */
const bodied = new Set(['POST', 'DELETE'])

/** Answers one request, whatever happens. */
export async function route(world: World, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const seen = world.ledger.open(req.method ?? 'GET', req.url ?? '/', req.rawHeaders)
  const answer = new Answer(req, res, world.sleep, world.clock, world.settings.noticeMs)
  const call: Call = { answer, seen, fields: {}, streaming: false, fault: undefined }
  let outcome: Seen['outcome'] = 'answered'
  try {
    await world.sleep.awake()
    await dispatch(world, call, req)
  } catch (error) {
    outcome = await recover(call, error)
  }
  world.ledger.close(seen, outcome, answer.status)
}

async function recover(call: Call, error: unknown): Promise<'answered' | 'aborted' | 'cut'> {
  const { answer } = call
  if (error instanceof Cut || answer.cut) return answer.cut ? 'cut' : 'answered'
  if (answer.signal.aborted || answer.gone) return 'aborted'
  if (answer.started) {
    answer.destroy()
    return 'cut'
  }
  await refuse(call, error instanceof Refusal ? error : new Refusal(500, `the simulation failed: ${String(error)}`))
  return 'answered'
}

async function dispatch(world: World, call: Call, req: IncomingMessage): Promise<void> {
  const { answer, seen } = call
  const plain: Header[] = [['Content-Type', 'text/plain']]
  const redirect = redirection(seen)
  if (redirect) return sendRedirect(call, redirect)
  const [methods, parameter] = find(seen.path)
  const allow = methods ? Object.keys(methods).join(', ') : undefined
  const handler = methods?.[seen.method]
  const preflight = seen.method === 'OPTIONS'
  // The Go router names the methods before any check runs.
  if (allow !== undefined && !handler) answer.headers.push(['Allow', allow])
  if (!checkOrigin(call, req)) return answer.send(403, [], '')
  if (preflight && req.headers.origin !== undefined) return answer.send(204, [], '')
  const host = checkHost(req.headers.host ?? '')
  if (host === 'refused') return answer.send(403, [], '')
  if (preflight && host === 'name') return answer.send(204, [], '')
  if (!methods) return answer.send(404, plain, '404 page not found')
  if (!handler) return answer.send(405, plain, '405 method not allowed')
  if (bodied.has(seen.method) && !seen.path.startsWith('/api/blobs/')) {
    let body = await answer.text()
    if (req.headers['content-encoding'] === 'zstd') body = await promisify(zstdDecompress)(body)
    world.ledger.keepBody(seen, body)
    call.fields = readFields(seen.path, body.toString())
  }
  await handler(world, call, parameter)
}

function find(path: string): [methods: Record<string, Handler> | undefined, parameter: string] {
  const methods = routes[path]
  if (methods && !path.endsWith(':')) return [methods, '']
  const [, start = '', rest = ''] = /^(\/(?:api\/blobs|v1\/models)\/)([^/]+)$/.exec(path) ?? []
  return [routes[`${start}:`], decodeURIComponent(rest)]
}

/** Where Go's mux (a path that is not clean) or gin (a slash too many) send the client. */
function redirection({ method, path, url }: Seen): { status: number; text: string; to: string } | undefined {
  const query = url.slice(path.length)
  if (/\/\/|\/\.\.?(\/|$)/.test(path)) {
    const clean = new URL(path.replace(/\/+/g, '/'), 'http://x').pathname
    return { status: 307, text: 'Temporary Redirect', to: `${clean}${query}` }
  }
  const short = path.slice(0, -1)
  if (path === '/' || !path.endsWith('/') || !find(short)[0]?.[method]) return undefined
  return method === 'GET'
    ? { status: 301, text: 'Moved Permanently', to: `${short}${query}` }
    : { status: 307, text: 'Temporary Redirect', to: `${short}${query}` }
}

async function sendRedirect({ answer, seen }: Call, { status, text, to }: NonNullable<ReturnType<typeof redirection>>) {
  const page = seen.method === 'GET' || seen.method === 'HEAD'
  const headers: Header[] = [['Location', to]]
  if (page) headers.push(['Content-Type', 'text/html; charset=utf-8'])
  await answer.send(status, headers, seen.method === 'GET' ? `<a href="${to}">${text}</a>.\n\n` : '')
}

const preflightHeaders: Header[] = [
  [
    'Access-Control-Allow-Headers',
    'Authorization,Content-Type,User-Agent,Accept,X-Requested-With,Openai-Beta,X-Stainless-Arch,X-Stainless-Async,' +
      'X-Stainless-Custom-Poll-Interval,X-Stainless-Helper-Method,X-Stainless-Lang,X-Stainless-Os,' +
      'X-Stainless-Package-Version,X-Stainless-Poll-Helper,X-Stainless-Retry-Count,X-Stainless-Runtime,' +
      'X-Stainless-Runtime-Version,X-Stainless-Timeout',
  ],
  ['Access-Control-Allow-Methods', 'GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS'],
  ['Access-Control-Max-Age', '43200'],
  ['Vary', 'Origin'],
  ['Vary', 'Access-Control-Request-Method'],
  ['Vary', 'Access-Control-Request-Headers'],
]

/** Adds the CORS headers of an allowed origin; false for one that is not. */
function checkOrigin({ answer, seen }: Call, req: IncomingMessage): boolean {
  const { origin, host } = req.headers
  if (origin === undefined || origin === `http://${host}` || origin === `https://${host}`) return true
  const local = /^https?:\/\/(localhost|127\.0\.0\.1|0\.0\.0\.0)(:[0-9]+)?$/.test(origin)
  if (!local && !/^(app|file|tauri|vscode-webview|vscode-file):\/\//.test(origin)) return false
  answer.headers.push(['Access-Control-Allow-Origin', origin])
  answer.headers.push(...(seen.method === 'OPTIONS' ? preflightHeaders : ([['Vary', 'Origin']] satisfies Header[])))
  return true
}

/** Ollama on loopback answers only to addresses of this machine or its network and to local names. */
function checkHost(authority: string): 'address' | 'name' | 'refused' {
  const host = authority
    .replace(/:[0-9]+$/, '')
    .replace(/^\[|\]$/g, '')
    .toLowerCase()
  if (isIP(host) !== 0) {
    const local = /^(127\.|10\.|192\.168\.|172\.(1[6-9]|2[0-9]|3[01])\.|0\.0\.0\.0$|::1?$|f[cd])/.test(host)
    const own = () => Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === host))
    return local || own() ? 'address' : 'refused'
  }
  const known = host === '' || host === 'localhost' || host === hostname().toLowerCase()
  return known || /\.(localhost|local|internal)$/.test(host) ? 'name' : 'refused'
}
