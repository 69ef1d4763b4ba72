// One runner in the target's memory, as /api/ps lists it.

import { fieldsOf } from './answer.ts'

/** One runner as /api/ps lists it. */
export interface Resident {
  /** The name it was loaded by, which may be another than the one asked for. */
  name: string
  /** Of the manifest. */
  digest: string
  /** 0 when the target didn't tell. */
  sizeBytes: number
  /** Absent on old targets. */
  contextLength?: number
  /** Epoch milliseconds; in the past for a busy one, centuries ahead for "forever". */
  expiresAt?: number
}

export function residentFrom(value: unknown): Resident {
  const item = fieldsOf(value)
  const expires = typeof item.expires_at === 'string' ? Date.parse(item.expires_at) : Number.NaN
  const contextLength = wholeOr0(item.context_length)
  return {
    name: String(item.name ?? item.model ?? ''),
    digest: String(item.digest ?? ''),
    sizeBytes: wholeOr0(item.size),
    ...(contextLength > 0 ? { contextLength } : {}),
    ...(Number.isNaN(expires) ? {} : { expiresAt: expires }),
  }
}

function wholeOr0(value: unknown): number {
  return Number.isSafeInteger(value) && (value as number) > 0 ? (value as number) : 0
}
