// Entity tags in the conditions of a request (RFC 9110, sections 8.8.3 and 13.1).

/** Whether `If-None-Match` names `tag`: by the weak comparison, or whatever there is. */
export function isKnown(header: string | undefined, tag: string): boolean {
  const opaque = (one: string) => one.trim().replace(/^W\//, '')
  return header?.split(',').some((one) => one.trim() === '*' || opaque(one) === opaque(tag)) ?? false
}

/** Whether `If-Range` lets a part of what `tag` names be sent: without one, or by the strong comparison. A date never does, as none was told. */
export function mayBePart(header: string | string[] | undefined, tag: string): boolean {
  return header === undefined || header === tag
}
