// Stands between foreman and a target, passes everything on as it comes, and remembers what foreman asked: a real Ollama
// doesn't say what reached it. Nothing is changed on the way; a side that leaves has the other side let go.
import { createServer, request as send } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pipeline } from 'node:stream'

/** A request by its head: it counts from its first byte, whether the rest of it comes or not. */
export interface Reached {
  method: string
  path: string
  /** Content-Length, 0 without. */
  length: number
}

export interface Relay {
  readonly url: string
  /** Oldest first. */
  readonly reached: Reached[]
  close(): Promise<void>
}

/** A relay to the target at `url`, on a free port of loopback. */
export async function openRelay(url: string): Promise<Relay> {
  const { hostname, port } = new URL(url)
  const reached: Reached[] = []
  const server = createServer({ requestTimeout: 0 }, (incoming, answer) => {
    const { method = '', url: path = '', headers, rawHeaders } = incoming
    reached.push({ method, path, length: Number(headers['content-length'] ?? 0) })
    const onward = send({ hostname, port, method, path, headers: rawHeaders, agent: false })
    onward.on('response', (response) => {
      answer.writeHead(response.statusCode ?? 502, response.rawHeaders)
      answer.flushHeaders()
      pipeline(response, answer, () => {})
    })
    // A target that breaks the connection is heard as it would be without a relay.
    onward.on('error', () => answer.destroy())
    answer.on('close', () => onward.destroy())
    incoming.on('error', () => onward.destroy())
    incoming.pipe(onward)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    reached,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
