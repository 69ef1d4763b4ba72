// A stand-in for the Gitea that a release is published to: it takes packages and pages of releases and keeps what came, and
// has a real registry of images, Debian's, behind the same address.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, request, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../demo/daemon.ts'
import { fromDebian } from './tools.ts'

/** Something that was handed in. */
export interface Taken {
  method: string
  path: string
  headers: IncomingHttpHeaders
  body: Buffer
}

export class StandIn {
  readonly url: string
  readonly taken: Taken[] = []
  readonly close: () => Promise<void>

  private constructor(server: Server, close: () => Promise<void>) {
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    this.close = close
  }

  static async start(): Promise<StandIn> {
    await fromDebian({ 'docker-registry': 'docker-registry' })
    const folder = mkdtempSync(join(tmpdir(), 'foreman-instance-'))
    const port = await freePort()
    const config = join(folder, 'registry.yml')
    const storage = { filesystem: { rootdirectory: join(folder, 'images') } }
    writeFileSync(config, JSON.stringify({ version: '0.1', storage, http: { addr: `127.0.0.1:${port}` } }))
    const registry = spawn('docker-registry', ['serve', config], { stdio: 'ignore' })
    const server = createServer(async (req, res) => {
      const { method = '', url: path = '', headers } = req
      if (path.startsWith('/v2/')) {
        const passed = request({ host: '127.0.0.1', port, method, path, headers }, (answer) => {
          res.writeHead(answer.statusCode!, answer.headers)
          answer.pipe(res)
        })
        passed.on('error', () => res.writeHead(502).end())
        return void req.pipe(passed)
      }
      const parts: Buffer[] = []
      for await (const part of req) parts.push(part as Buffer)
      if (method === 'GET') return void res.writeHead(404).end('{}')
      instance.taken.push({ method, path, headers, body: Buffer.concat(parts) })
      res.writeHead(201, { 'content-type': 'application/json' }).end('{}')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const instance: StandIn = new StandIn(server, async () => {
      server.closeAllConnections()
      server.close()
      const ended = once(registry, 'exit')
      registry.kill('SIGKILL')
      await ended
      rmSync(folder, { recursive: true, force: true })
    })
    return instance
  }

  /** What was handed in at this place, as the only thing. */
  at(method: string, path: string): Taken {
    const [found, ...more] = this.taken.filter((one) => one.method === method && one.path === path)
    if (!found || more.length > 0)
      throw new Error(
        `${more.length + (found ? 1 : 0)} times: ${method} ${path}, of ${this.taken.map((one) => one.path)}`,
      )
    return found
  }
}
