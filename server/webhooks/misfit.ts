// Why a try got no answer, in words for whoever reads the log of a delivery, and as one of a few outcomes for the
// figures. The words name nothing that was sent, and an address that was looked up only where that is why.

import type { Outcome } from '../job/redelivery.ts'
import { ReceiverRefused } from './guard.ts'

/** A try that came to nothing for a reason of foreman's own. */
export class Misfit extends Error {
  readonly outcome: Outcome

  constructor(outcome: Outcome, message: string) {
    super(message)
    this.outcome = outcome
  }
}

const words: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection was refused',
  ENOTFOUND: 'the host has no address',
  EAI_AGAIN: 'the name of the host cannot be looked up just now',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'its network cannot be reached',
  ETIMEDOUT: 'the host does not answer',
  UND_ERR_CONNECT_TIMEOUT: 'the host does not answer',
}

/** Of a connection that was made, and ended without an answer. */
const endings: Readonly<Record<string, string>> = {
  UND_ERR_SOCKET: 'the receiver closed it without an answer',
  ECONNRESET: 'the receiver reset it',
}

/** What an error of the network says. */
export function reasonOf(error: unknown): { outcome: Outcome; reason: string } {
  if (error instanceof Misfit) return { outcome: error.outcome, reason: error.message }
  if (error instanceof ReceiverRefused) return { outcome: 'forbidden', reason: error.message }
  // A host with several addresses fails with all their errors in one.
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0])
  const { code = '', message = '' } = error as NodeJS.ErrnoException
  const known = words[code]
  if (known) return { outcome: 'unreachable', reason: known }
  if (/CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS|ERR_SSL|EPROTO/.test(code))
    return { outcome: 'unreachable', reason: `no secure connection: ${code}` }
  return { outcome: 'broken_off', reason: `the connection broke: ${endings[code] ?? (code || message)}` }
}
