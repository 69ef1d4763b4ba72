// The OpenAPI document, emitted from the router in two versions. The generator's output is made fit for the widest set
// of client generators: named components only, one shape of Problem for everything that is no success, no unions, no closed objects.

import { generateOpenApiDocument } from 'trpc-to-openapi'
import { SubmitBatch, SubmitJob } from '../job/submit.ts'
import { Liveness, Readiness } from '../job/schema.ts'
import { WebhookBody } from '../job/webhook.ts'
import { answerComponents, type Json, type Node } from './answers.ts'
import { docsPaths } from './docs.ts'
import { downloadPaths } from './download.ts'
import { eventPaths } from './events.ts'
import { describe } from './operation.ts'
import { plainPaths } from './plain.ts'
import { Problem } from './problem.ts'
import { restRoutes } from './rest.ts'
import { appRouter } from './router.ts'
import { streamPaths } from './stream.ts'
import { webhooks } from './webhooks.ts'

export type Version = '3.1.1' | '3.0.3'

/** The whole document. The same on every call. */
export function openApiDocument(version: Version, release: string): Node {
  const document = generateOpenApiDocument(appRouter as never, {
    title: 'foreman',
    description: introduction,
    version: release,
    baseUrl: '/',
    openApiVersion: version,
    tags: Object.keys(tagWords),
    securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } },
    defs: { SubmitJob, SubmitBatch, Problem, WebhookBody, Liveness, Readiness },
  }) as unknown as Node
  const tidy = walk(document, version) as Node
  const routes = restRoutes()
  const schemas = schemasOf(tidy)
  const paths = tidy.paths as Node
  for (const route of routes)
    describe(route, at(paths, route.meta.openapi.path, route.meta.openapi.method.toLowerCase()))
  Object.assign(paths, plainPaths(), docsPaths(), downloadPaths(), eventPaths(), streamPaths())
  return {
    openapi: version,
    info: {
      ...(tidy.info as Node),
      license: {
        name: 'MIT',
        ...(version === '3.1.1' ? { identifier: 'MIT' } : { url: 'https://spdx.org/licenses/MIT.html' }),
      },
    },
    servers: [{ url: '/' }],
    tags: Object.entries(tagWords)
      .filter(([name]) => name !== 'webhooks' || version === '3.1.1')
      .map(([name, description]) => ({ name, description })),
    security: [{ bearer: [] }],
    paths: sorted(paths),
    ...(version === '3.1.1' ? { webhooks: webhooks() } : {}),
    components: {
      schemas: sorted(schemas),
      ...answerComponents(),
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } },
    },
  }
}

const tagWords: Record<string, string> = {
  jobs: 'Requests that finish later.',
  queue: 'The order in which they run.',
  target: 'The Ollama behind foreman.',
  deliveries: 'What receivers of webhooks and artifacts were sent.',
  operations: 'Health, figures and documents.',
  webhooks: 'What receivers are sent when the state of a job changes, if the job or `FOREMAN_WEBHOOK_URL` names one.',
}

/** What holds for every call, in Markdown. */
const introduction = `foreman stands in front of one Ollama. People talk through it, programs hand it requests as jobs that may finish later.

Everything that is not listed here (\`/api/*\`, \`/v1/*\`, \`/\`) is passed through to the target byte for byte and has the shapes of Ollama, also where foreman itself has to answer. Two kinds of call there become jobs: an inference call with \`Prefer: respond-async\` is answered with \`202\`, \`Location\` and the Job, or, with \`wait=N\` beside it and in time, as the route itself would; and \`POST /v1/responses\` with \`background: true\` is OpenAI's background mode.

**Tokens.** Where foreman wants one, it is sent as \`Authorization: Bearer\`, as \`x-api-key\`, or as the password of Basic. Health, the documents and /docs are open.

**Problems.** Errors are \`application/problem+json\`. Branch on \`code\`: new texts and fields may come, and so may codes. 405 says what is possible in \`Allow\`. What is no HTTP, or too long a head, is refused with 400, 408 or 431 before any of this.

**Values.** Times are RFC 3339 in UTC with milliseconds, durations end in \`_ms\` or \`_s\`, sizes in \`_bytes\`. In answers a thing that is not there is absent, save times that may be null. Unknown fields and parameters of a request are refused. Numbers in bodies of jobs stay exact.

The same procedures are served as tRPC under \`/trpc\`.`

/** Drops what generators choke on, at every depth. */
function walk(node: Json, version: Version): Json {
  if (Array.isArray(node)) return node.map((item) => walk(item, version))
  if (typeof node !== 'object' || node === null) return node
  const out: Node = {}
  for (const [key, value] of Object.entries(node)) {
    if (key === 'propertyNames' || key === '$schema') continue
    if (key === 'additionalProperties' && value === false) continue
    if (key === 'pattern' && (node.format === 'date-time' || node.format === 'uri')) continue
    out[key] = key === '$ref' ? String(value).replace(/Output$/, '') : walk(value, version)
  }
  if (out.type === 'integer' && !('format' in out)) {
    out.format = 'int64'
    if (Math.abs(Number(out.maximum)) === Number.MAX_SAFE_INTEGER) delete out.maximum
    if (Math.abs(Number(out.minimum)) === Number.MAX_SAFE_INTEGER) delete out.minimum
  }
  return out
}

/** The named schemas without the generator's own error shapes, and each once: what sets an output apart from an input is dropped. */
function schemasOf(document: Node): Node {
  const all = (document.components as Node).schemas as Node
  return Object.fromEntries(Object.entries(all).filter(([name]) => !/^error\.|Output$/.test(name)))
}

function at(paths: Node, path: string, method: string): Node {
  return ((paths[path] as Node)[method] ?? {}) as Node
}

function sorted(node: Node): Node {
  return Object.fromEntries(Object.entries(node).sort(([a], [b]) => (a < b ? -1 : 1)))
}
