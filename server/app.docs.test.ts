// The reference page and the documents as they are served: to anybody, with nothing to fetch from elsewhere, and not
// again to whoever has them.

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openForeman } from './app.harness.ts'

const root = join(import.meta.dirname, '..')
const sha256 = (bytes: string | Buffer, encoding: 'hex' | 'base64') =>
  createHash('sha256').update(bytes).digest(encoding)
const paths = ['/docs', '/docs/redoc.js', '/openapi.json', '/openapi-3.0.json']

describe('the reference page', () => {
  test('holds the document that is served, and links to nothing but its script, relative to itself', async () => {
    const foreman = await openForeman()
    const { status, headers, text } = await foreman.get('/docs')
    expect([status, headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
    const [, written = ''] = /<script id="document"[^>]*>(.*?)<\/script>/s.exec(text) ?? []
    expect(written).not.toContain('<')
    expect(JSON.parse(written)).toEqual((await foreman.get('/openapi.json')).json)
    const page = text.replace(written, '')
    const links = [...page.matchAll(/\b(?:src|href)="([^"]*)"/g)].map(([, link]) => link as string)
    expect(links).toEqual(['openapi.json', 'docs/redoc.js'])
    expect(page).not.toMatch(/https?:/)
    const { pathname } = new URL(links[1] as string, 'https://host/behind/a/prefix/docs')
    expect(pathname).toBe('/behind/a/prefix/docs/redoc.js')
  })

  test('may run its two scripts and do nothing else', async () => {
    const foreman = await openForeman()
    const { headers, text } = await foreman.get('/docs')
    const [inline = ''] = [...text.matchAll(/<script>(.*?)<\/script>/gs)].map(([, script]) => script)
    const rules = Object.fromEntries(
      (headers.get('content-security-policy') ?? '').split('; ').map((rule) => rule.split(/ (.*)/s).slice(0, 2)),
    )
    expect(rules).toEqual({
      'default-src': "'none'",
      'script-src': `'self' 'sha256-${sha256(inline, 'base64')}'`,
      'style-src': "'unsafe-inline'",
      'img-src': 'data:',
      'base-uri': "'none'",
      'form-action': "'none'",
      'frame-ancestors': "'none'",
    })
  })

  test('is shown by the release of Redoc that was decided on, byte for byte', async () => {
    const foreman = await openForeman()
    const { headers, text } = await foreman.get('/docs/redoc.js')
    expect(headers.get('content-type')).toBe('text/javascript; charset=utf-8')
    const decided = readFileSync(join(root, 'docs/adr/0014-dependencies.md'), 'utf8')
    expect(decided).toContain(sha256(text, 'hex'))
    const [, version = ''] = /Redoc ([\d.]+)/.exec(decided) ?? []
    const licences = readFileSync(join(root, 'openapi/redoc/redoc.standalone.js.LICENSE.txt'), 'utf8')
    expect(licences).toContain(`Version: "${version}"`)
    expect(readFileSync(join(root, 'openapi/redoc/LICENSE'), 'utf8')).toContain('The MIT License')
  })
})

describe.each(paths)('%s', (path) => {
  test('is open to everybody where a token is wanted', async () => {
    const foreman = await openForeman({ settings: { TOKEN: 'a-token-of-this-test' } })
    expect((await foreman.get(path)).status).toBe(200)
    expect((await foreman.get('/jobs')).status).toBe(401)
  })

  test('is not sent again to whoever has it', async () => {
    const foreman = await openForeman()
    const tag = (await foreman.get(path)).headers.get('etag') ?? ''
    expect(tag).toMatch(/^"[\w-]{43}"$/)
    const again = await foreman.get(path, { 'if-none-match': tag })
    expect([again.status, again.text, again.headers.get('etag')]).toEqual([304, '', tag])
    expect((await foreman.get(path, { 'if-none-match': '"another"' })).status).toBe(200)
  })

  test('answers HEAD, and 405 to what it cannot do', async () => {
    const foreman = await openForeman()
    const [whole, head] = [await foreman.get(path), await foreman.call('HEAD', path)]
    expect([head.status, head.text]).toEqual([200, ''])
    for (const name of ['content-type', 'content-length', 'etag', 'content-security-policy'])
      expect(head.headers.get(name), name).toBe(whole.headers.get(name))
    const refused = await foreman.post(path, {})
    expect([refused.status, refused.headers.get('allow'), refused.json.code]).toEqual([
      405,
      'GET, HEAD',
      'invalid_request',
    ])
  })
})
