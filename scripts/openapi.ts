// Writes the OpenAPI documents from the router, or with --check says whether the committed ones are still what it emits.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Validator } from '@seriousme/openapi-schema-validator'
import { openApiDocument, type Version } from '../server/http/openapi.ts'

const root = join(import.meta.dirname, '..')
const release = (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version
const files: Record<Version, string> = { '3.1.1': 'openapi.json', '3.0.3': 'openapi-3.0.json' }
let wrong = 0

for (const [version, file] of Object.entries(files)) {
  const path = join(root, 'openapi', file)
  const emitted = `${JSON.stringify(openApiDocument(version as Version, release), null, 2)}\n`
  const { valid, errors } = await new Validator().validate(emitted)
  if (!valid) {
    wrong += 1
    process.stderr.write(`${file} is not a valid OpenAPI document: ${JSON.stringify(errors, null, 2)}\n`)
  }
  if (!process.argv.includes('--check')) {
    writeFileSync(path, emitted)
  } else if (readFileSync(path, 'utf8') !== emitted) {
    wrong += 1
    process.stderr.write(`openapi/${file} is not what the router emits: run npm run openapi\n`)
  }
}
if (wrong > 0) process.exit(1)
process.stdout.write('openapi documents: valid and current\n')
