// The edges of deploy/edges as they are tested: each started on the very file that is shipped, with TLS by a certificate of its
// own for localhost, in front of a foreman.

import { spawn, type ChildProcess } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { freePort } from '../demo/daemon.ts'
import { runProgram } from '../real/cache.ts'
import { deploy } from './compose.ts'
import { fromDebian } from './tools.ts'

/** What the files of deploy/edges ask the environment for. */
interface Setting {
  EDGE_HOST: string
  EDGE_PORT: string
  EDGE_TLS: string
  EDGE_CERTIFICATE: string
  EDGE_KEY: string
  EDGE_UPSTREAM: string
}

/** How a kind is started in a folder of its own: a program, and its arguments. */
type Command = (folder: string, setting: Setting) => { program: string; args: string[] }

const shipped = (name: string) => join(deploy, 'edges', name)

const commands = {
  caddy: (folder, { EDGE_HOST }) => {
    // Only what lets two of them run on one machine, where another may have port 80.
    const text = `{\nadmin off\nauto_https disable_redirects\n}\nimport ${shipped('Caddyfile')}\n`
    const file = join(folder, `Caddyfile-${EDGE_HOST.replace(':', '-')}`)
    writeFileSync(file, text)
    return { program: 'caddy', args: ['run', '--config', file, '--adapter', 'caddyfile'] }
  },
  haproxy: () => ({ program: 'haproxy', args: ['-db', '-f', shipped('haproxy.cfg')] }),
  nginx: (folder, setting) => {
    const name = `nginx-${setting.EDGE_PORT}`
    const template = readFileSync(shipped('nginx.conf.template'), 'utf8')
    const put = (_whole: string, key: string) => setting[key as keyof Setting]
    writeFileSync(join(folder, `${name}-foreman`), template.replaceAll(/\$\{(EDGE_\w+)\}/g, put))
    const outer = `daemon off; worker_processes 1; pid ${folder}/${name}.pid; error_log stderr warn; events {}\n`
    writeFileSync(join(folder, name), `${outer}http { access_log off; include ${folder}/${name}-foreman; }\n`)
    return { program: 'nginx', args: ['-c', join(folder, name)] }
  },
} satisfies Record<string, Command>

export type Kind = keyof typeof commands
export const kinds = Object.keys(commands) as Kind[]

export class Edge {
  readonly url: string
  readonly #child: ChildProcess
  #said = ''

  private constructor(child: ChildProcess, host: string) {
    this.url = `https://${host}`
    this.#child = child
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#said = (this.#said + text).slice(-4_000)))
  }

  /** Starts one in front of `upstream`, `host:port`; `folder` has `certificate.pem` and `key.pem` (makeCertificate). */
  static async open(kind: Kind, upstream: string, folder: string): Promise<Edge> {
    await fromDebian({ caddy: 'caddy', haproxy: 'haproxy', nginx: 'nginx-light' })
    const port = await freePort()
    const [certificate, key] = [join(folder, 'certificate.pem'), join(folder, 'key.pem')]
    const setting: Setting = {
      EDGE_HOST: `localhost:${port}`,
      EDGE_PORT: String(port),
      EDGE_TLS: `${certificate} ${key}`,
      EDGE_CERTIFICATE: kind === 'haproxy' ? join(folder, 'both.pem') : certificate,
      EDGE_KEY: key,
      EDGE_UPSTREAM: upstream,
    }
    const { program, args } = commands[kind](folder, setting)
    const env = { ...process.env, ...setting, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder }
    const edge = new Edge(spawn(program, args, { env, stdio: ['ignore', 'ignore', 'pipe'] }), setting.EDGE_HOST)
    await edge.#listens(port)
    return edge
  }

  async #listens(port: number): Promise<void> {
    for (let tries = 0; this.#child.exitCode === null && tries < 500; tries++) {
      const socket = connect(port, '127.0.0.1')
      const open = await new Promise((resolve) => {
        socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
      })
      socket.destroy()
      if (open) return
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    throw new Error(`${this.#child.spawnargs.join(' ')} does not listen: ${this.#said}`)
  }

  /** The most memory that it has had so far, its processes together, bytes. */
  get peak(): number {
    const parents = new Map<number, number>()
    for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
      const [, parent] = /^PPid:\t(\d+)$/m.exec(statusOf(Number(name))) ?? []
      parents.set(Number(name), Number(parent))
    }
    const own = [...parents.keys()].filter((pid) => pid === this.#child.pid || parents.get(pid) === this.#child.pid)
    return own.reduce((sum, pid) => sum + Number(/^VmHWM:\s+(\d+) kB$/m.exec(statusOf(pid))?.[1] ?? 0) * 1024, 0)
  }

  /** At once: an edge that is asked to end waits for what is open. */
  close(): Promise<void> {
    if (this.#child.exitCode !== null) return Promise.resolve()
    return new Promise((resolve) => {
      this.#child.once('exit', () => resolve())
      this.#child.kill('SIGKILL')
    })
  }
}

function statusOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8')
  } catch {
    return ''
  }
}

/** A certificate for localhost in the folder, as `certificate.pem`, `key.pem` and `both.pem`; answers the first as text. */
export async function makeCertificate(folder: string): Promise<string> {
  const path = (name: string) => join(folder, name)
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  const name = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
  await runProgram('openssl', ['req', ...kind, ...name, '-keyout', path('key.pem'), '-out', path('certificate.pem')])
  const certificate = readFileSync(path('certificate.pem'), 'utf8')
  writeFileSync(path('both.pem'), certificate + readFileSync(path('key.pem'), 'utf8'))
  return certificate
}
