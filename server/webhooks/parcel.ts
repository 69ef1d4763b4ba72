// What a delivery sends: a webhook's frozen bytes, signed, or the artifact that is to be put, with the trace of the
// submit along with either.

import type { Outgoing } from '../store/deliveries.ts'
import type { Store } from '../store/store.ts'
import type { Parcel } from './attempt.ts'
import { Misfit } from './misfit.ts'
import { described, sips } from './push.ts'
import type { Signer } from './sign.ts'

interface ParcelOptions {
  store: Store
  signer: Signer
  /** Wall time of this try. */
  wall: number
}

/** Throws Misfit when there is nothing that could be sent. */
export function parcel(row: Outgoing, { store, signer, wall }: ParcelOptions): Parcel {
  const { url, id, body } = row
  const trace = JSON.parse(row.trace ?? '{}') as Record<string, string>
  const headers = { 'user-agent': 'foreman', ...trace }
  if (row.artifact !== null) {
    const artifact = store.artifacts.one(row.job, row.artifact)
    if (!artifact) throw new Misfit('lost', 'the job has no such artifact any more')
    const { blob, size_bytes } = artifact
    const bytes = (onSip: () => void) => sips(store.blobs.read(blob), size_bytes, onSip)
    return { method: 'PUT', url, headers: { ...headers, ...described(artifact) }, body: bytes }
  }
  if (!body || !signer.able) throw new Misfit('unsigned', 'no secret is configured, and nothing is sent unsigned')
  const signed = { ...headers, 'content-type': 'application/json', ...signer.headers(id, wall, body) }
  return { method: 'POST', url, headers: signed, body }
}
