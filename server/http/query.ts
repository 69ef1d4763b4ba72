// The query of a URL, read by the types of an input schema.

import { ForemanError } from '../job/error.ts'

export type Query = Record<string, string | string[] | undefined>

/** JSON schema of each input property. */
export type Properties = Record<string, { type?: string; items?: { type?: string }; description?: string }>

/** Refuses what nobody would read. */
export function noOther(query: Query, known: readonly string[]): void {
  const errors = Object.keys(query)
    .filter((name) => !known.includes(name))
    .map((name) => ({ pointer: `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`, detail: 'unknown parameter' }))
  if (errors.length > 0) throw new ForemanError('invalid_request', 'unknown parameters in the query', { errors })
}

/** Reads a query by the types of the input schema. What does not read as its type is left as it came, for zod to refuse. */
export function fromQuery(query: Query, properties: Properties): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(query).map(([name, value]) => {
      const property = properties[name]
      if (property?.type === 'array') return [name, [value].flat().map((one) => scalar(one, property.items?.type))]
      return [name, Array.isArray(value) ? value : scalar(value, property?.type)]
    }),
  )
}

function scalar(text: string | undefined, type: string | undefined): unknown {
  if ((type === 'integer' || type === 'number') && text !== undefined && /^-?\d+(\.\d+)?$/.test(text))
    return Number(text)
  if (type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true'
  return text
}
