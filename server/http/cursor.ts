// How a list is asked for: filters and the opaque cursor, which is the sequence to go on below.

import { canonicalModel } from '../job/affinity.ts'
import { ForemanError } from '../job/error.ts'
import type { State } from '../job/state.ts'
import type { Page } from '../store/pages.ts'

export interface ListInput {
  state?: State[]
  model?: string
  label?: string
  created_after?: string
  created_before?: string
  limit?: number
  cursor?: string
}

/** Throws `invalid_request` for a cursor that foreman did not make or a label without a colon. */
export function pageOf(input: ListInput): Page {
  return {
    states: input.state ?? [],
    model: input.model === undefined ? undefined : canonicalModel(input.model),
    label: input.label === undefined ? undefined : labelOf(input.label),
    createdAfter: input.created_after === undefined ? undefined : Date.parse(input.created_after),
    createdBefore: input.created_before === undefined ? undefined : Date.parse(input.created_before),
    before: input.cursor === undefined ? Number.MAX_SAFE_INTEGER : sequenceOf(input.cursor),
    limit: input.limit ?? 50,
  }
}

export function cursorOf(sequence: number): string {
  return Buffer.from(`before:${sequence}`).toString('base64url')
}

function sequenceOf(cursor: string): number {
  const match = /^before:(\d{1,15})$/.exec(Buffer.from(cursor, 'base64url').toString())
  if (!match) throw refused('/cursor', 'not a cursor of this list')
  return Number(match[1])
}

function labelOf(text: string): string {
  if (!text.includes(':', 1)) throw refused('/label', 'a label is asked for as key:value')
  return text
}

function refused(pointer: string, detail: string): ForemanError {
  return new ForemanError('invalid_request', detail, { errors: [{ pointer, detail }] })
}
