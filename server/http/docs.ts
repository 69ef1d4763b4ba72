// The reference page: the API document as Redoc shows it, for people with a browser. The document is written into the
// page, so its script has nothing to fetch, and is allowed nothing: no call of the API, no other host, no form. It is
// for reading; jobs are managed by programs.

import { createHash } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { fixed, fixedOperation } from './fixed.ts'

export interface DocsOptions {
  /** The OpenAPI document, as text. */
  document: () => string
  /** The renderer as it was released: `Redoc` as a global. */
  renderer: () => Buffer
}

export function mountDocs(app: FastifyInstance, { document, renderer }: DocsOptions): void {
  const route = { exposeHeadRoute: true }
  app.get(
    '/docs',
    route,
    fixed('text/html; charset=utf-8', () => pageOf(document()), pageHeaders),
  )
  app.get('/docs/redoc.js', route, fixed('text/javascript; charset=utf-8', renderer, plainHeaders))
}

const sans = 'system-ui, sans-serif'
const mono = 'ui-monospace, monospace'
/** Search would start a worker of its own; the page is short enough for the browser's. */
const options = {
  disableSearch: true,
  hideDownloadButtons: true,
  jsonSamplesExpandLevel: 6,
  theme: { typography: { fontFamily: sans, headings: { fontFamily: sans }, code: { fontFamily: mono } } },
}
const start = `Redoc.init(JSON.parse(document.getElementById('document').textContent), ${JSON.stringify(options)}, document.getElementById('page'))`

const plainHeaders = { 'X-Content-Type-Options': 'nosniff' }
const pageHeaders = {
  ...plainHeaders,
  'Content-Security-Policy': [
    "default-src 'none'",
    `script-src 'self' 'sha256-${createHash('sha256').update(start).digest('base64')}'`,
    // The renderer writes its styles into the page.
    "style-src 'unsafe-inline'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
}

/** The page. Its one link is relative, so that it holds behind a path prefix as well. */
function pageOf(document: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>foreman: the API</title>
<style>body { margin: 0 }</style>
<noscript>This page needs JavaScript. The same is in <a href="openapi.json">openapi.json</a>.</noscript>
<div id="page"></div>
<script id="document" type="application/json">${document.replaceAll('<', '\\u003c')}</script>
<script src="docs/redoc.js"></script>
<script>${start}</script>
</html>
`
}

/** These routes as OpenAPI paths. */
export function docsPaths() {
  const text = (type: string) => ({ [type]: { schema: { type: 'string' } } })
  const page = fixedOperation(
    'getDocs',
    'This reference as a page',
    'The page',
    text('text/html'),
    'Content-Security-Policy',
    'X-Content-Type-Options',
  )
  const script = fixedOperation(
    'getDocsScript',
    'The script of that page',
    'Redoc',
    text('text/javascript'),
    'X-Content-Type-Options',
  )
  return { '/docs': { get: page }, '/docs/redoc.js': { get: script } }
}
