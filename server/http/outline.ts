// Stored JSON that is looked into while it stays where it is: where its members stand is found without parsing it or
// having it in memory, so that an object of many megabytes goes out with a few members said anew and no other byte touched.

import { ForemanError } from '../job/error.ts'
import { Pace } from './pace.ts'
import { JsonScan, type Capture } from './scan.ts'
import { Verbatim, type Part } from './verbatim.ts'

/** Stored text from the byte `start` to before `end`, piece by piece. */
export type Read = (start?: number, end?: number) => Iterable<Buffer>

/** A member larger than this is not worth repeating. */
const largestMember = 64 * 1024
const step_ms = 4

/** The members of these names that the stored object has, parsed. One of more than 64 KiB is left out. */
export async function membersIn(read: Read, names: readonly string[]): Promise<Record<string, unknown>> {
  const members: Record<string, unknown> = {}
  const captures = await capturesIn(
    read,
    names.map((name) => [name]),
  )
  for (const { path, start, end } of captures) {
    if (end - start > largestMember) continue
    const text = Buffer.concat([...read(start, end)])
    // It was erased meanwhile.
    if (text.length < end - start) continue
    members[String(path[0])] = JSON.parse(text.toString()) as unknown
  }
  return members
}

/** The stored object of `size` bytes with these members in the place of its own, behind them where it has none. */
export async function withMembers(
  read: Read,
  size: number,
  members: Readonly<Record<string, unknown>>,
): Promise<Part[]> {
  const [object, ...own] = await capturesIn(read, [[], ['*']])
  if (!object) throw new ForemanError('internal', 'a stored object cannot be read')
  const brace = object.end - 1
  const parts: Part[] = []
  let at = 0
  const keepTo = (end: number) => {
    parts.push(new Verbatim(read(at, end), end - at))
    at = end
  }
  const left = new Map(Object.entries(members).map(([name, value]) => [name, JSON.stringify(value)]))
  for (const { path, start, end } of own) {
    const text = left.get(String(path[0]))
    if (text === undefined) continue
    left.delete(String(path[0]))
    keepTo(start)
    parts.push(text)
    at = end
  }
  keepTo(brace)
  const added = [...left].map(([name, text]) => `${JSON.stringify(name)}:${text}`)
  if (own.length > 0) added.unshift('')
  parts.push(added.join(','))
  keepTo(size)
  return parts
}

/** Where the values at these paths stand, their names in any case, as the target reads them. */
async function capturesIn(read: Read, capture: string[][]): Promise<readonly Capture[]> {
  const scan = new JsonScan({ mode: 'lenient', capture })
  const pace = new Pace(step_ms)
  for (const piece of read()) {
    if (pace.tired) await pace.rest()
    scan.write(piece)
  }
  scan.end()
  return scan.captures
}
