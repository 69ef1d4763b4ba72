// Server-sent events, out of the lines they are written in.

/** Fields by their names, such as `id`, `event` and `data`; foreman says each once. */
export type ServerSent = Partial<Record<string, string>>

/** Each that came whole, also one that is only an id. */
export async function* serverSent(lines: AsyncIterable<string>): AsyncGenerator<ServerSent, void> {
  let fields: ServerSent = {}
  for await (const line of lines) {
    const colon = line.indexOf(':')
    if (colon > 0) fields[line.slice(0, colon)] = line.slice(colon + 1).replace(/^ /, '')
    else if (line === '') {
      yield fields
      fields = {}
    }
  }
}
