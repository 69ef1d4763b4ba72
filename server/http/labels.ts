// A request header with a grammar of its own: X-Foreman-Labels, `key=value` pairs separated by commas. It carries what
// visible ASCII can, so a comma is no part of a label here. What a label may be is said where jobs are (job/submit.ts).

import { ForemanError } from '../job/error.ts'

/** The labels of the header, space around keys and values left out; undefined without one. Throws `invalid_request`. */
export function labelsOf(header: string | string[] | undefined): Record<string, string> | undefined {
  if (header === undefined) return undefined
  const text = [header].flat().join(',')
  if (!/^[\x20-\x7e\t]*$/.test(text)) throw refused('is limited to ASCII')
  const labels = new Map<string, string>()
  for (const pair of text.split(',')) {
    // A list may have empty elements (RFC 9110).
    if (pair.trim() === '') continue
    const equals = pair.indexOf('=')
    if (equals < 0) throw refused('has a label without a value: write key=value')
    const key = pair.slice(0, equals).trim()
    if (labels.has(key)) throw refused(`has two labels of one key`)
    labels.set(key, pair.slice(equals + 1).trim())
  }
  return Object.fromEntries(labels)
}

function refused(detail: string): ForemanError {
  const errors = [{ pointer: '/labels', detail }]
  return new ForemanError('invalid_request', `X-Foreman-Labels ${detail}`, { errors })
}
