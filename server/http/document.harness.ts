// For tests: the document of the API as something that answers can be held to. No part of the running foreman.

import { z } from 'zod'
import { openApiDocument } from './openapi.ts'

interface Media {
  schema: Schema
  examples?: Record<string, { value: unknown }>
}
export interface Response {
  description: string
  headers?: Record<string, object>
  content?: Record<string, Media>
}
export interface Operation {
  id: string
  method: string
  path: string
  /** Needs no token. */
  open: boolean
  parameters: { name: string; in: string; example?: unknown }[]
  requests: Record<string, unknown>
  responses: Record<string, Response>
}
interface Schema {
  $ref?: string
  type?: string
  properties?: Record<string, Schema>
  items?: Schema
  anyOf?: Schema[]
  additionalProperties?: boolean | Schema
}
interface Raw {
  operationId: string
  security?: unknown[]
  parameters?: Operation['parameters']
  requestBody?: { content: Record<string, Media> }
  responses: Record<string, Response & { $ref?: string }>
}
export interface Document {
  paths: Record<string, Record<string, Raw>>
  webhooks: Record<string, { post: Raw }>
  components: { schemas: Record<string, Schema>; responses: Record<string, Response> }
}

export const document = openApiDocument('3.1.1', '0') as unknown as Document
const { schemas, responses } = document.components
const last = (ref: string) => ref.slice(ref.lastIndexOf('/') + 1)

/** Every operation, its responses resolved. */
export const operations: Operation[] = Object.entries(document.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, raw]) => ({
    id: raw.operationId,
    method: method.toUpperCase(),
    path,
    open: raw.security !== undefined,
    parameters: raw.parameters ?? [],
    requests: examplesIn(raw.requestBody?.content),
    responses: Object.fromEntries(
      Object.entries(raw.responses).map(([status, one]) => [status, one.$ref ? responses[last(one.$ref)]! : one]),
    ),
  })),
)

/** The examples of some content, by name. */
export function examplesIn(content: Record<string, Media> = {}): Record<string, unknown> {
  return Object.fromEntries(
    Object.values(content).flatMap(({ examples = {} }) =>
      Object.entries(examples).map(([name, one]) => [name, one.value]),
    ),
  )
}

const definitions = JSON.parse(JSON.stringify(schemas).replaceAll('#/components/schemas/', '#/$defs/')) as object
const checks = new Map<string, z.ZodType>()

/** What a schema has against a value; nothing when it is fine. */
export function faultsOf(value: unknown, schema: Schema): string[] {
  const text = JSON.stringify(schema).replaceAll('#/components/schemas/', '#/$defs/')
  const check = checks.get(text) ?? z.fromJSONSchema({ ...(JSON.parse(text) as object), $defs: definitions } as never)
  checks.set(text, check)
  const { error } = check.safeParse(value)
  return (error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`)
}

/** The places of a value, by `Schema.property`; those that no schema names begin with `?`. */
export function placesOf(value: unknown, schema: Schema, at = '?'): string[] {
  if (schema.$ref) return placesOf(value, schemas[last(schema.$ref)]!, last(schema.$ref))
  if (Array.isArray(value)) return value.flatMap((one) => placesOf(one, schema.items ?? {}, at))
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, inner]) => {
    const known = schema.properties?.[name]
    if (known) return [`${at}.${name}`, ...placesOf(inner, known, `${at}.${name}`)]
    return schema.additionalProperties ? [] : [`?${at}.${name}`]
  })
}
