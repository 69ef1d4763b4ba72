// The trace a request belongs to (W3C Trace Context), handed on untouched.

import type { IncomingHttpHeaders } from 'node:http'

const longest = 512

/** traceparent and tracestate, as far as they are there and of a sane length. */
export function traceOf(headers: IncomingHttpHeaders): Record<string, string> {
  const trace: Record<string, string> = {}
  for (const name of ['traceparent', 'tracestate']) {
    const value = headers[name]
    if (typeof value === 'string' && value.length <= longest) trace[name] = value
  }
  return trace
}
