// Keys under which a job is handed in, so that handing it in again makes no second one.

/** 128 random bits. Node 18 has no global crypto, and pages that were not served securely have no randomUUID in it. */
export function newKey(): string {
  const bytes = new Uint8Array(16).map(() => Math.random() * 256)
  const { crypto } = globalThis as { crypto?: Pick<Crypto, 'getRandomValues'> }
  crypto?.getRandomValues(bytes)
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
