// Containers without a container daemon: podman in a mount namespace of its own, because hosts that mix cgroup versions must
// show it the second one only. Everything that belongs together goes through one of these: in another namespace podman
// would not find its own containers. Needs root, podman, crun and netavark.

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runProgram } from '../real/cache.ts'

/** No limits by cgroups, which a machine that is a container itself may not set, and no more files than it may open. */
const settings = `[containers]
cgroups = "disabled"
default_ulimits = ["nofile=20000:20000", "nproc=20000:20000"]
log_driver = "k8s-file"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
`

export class Containers {
  readonly #namespace: ChildProcess
  readonly #service: ChildProcess
  readonly #folder: string
  readonly #env: NodeJS.ProcessEnv

  private constructor(namespace: ChildProcess, folder: string) {
    this.#namespace = namespace
    this.#folder = folder
    this.#env = { ...process.env, CONTAINERS_CONF: join(folder, 'containers.conf') }
    writeFileSync(join(folder, 'containers.conf'), settings)
    const args = [...this.#inside, 'podman', 'system', 'service', '--time=0', `unix://${this.#socket}`]
    this.#service = spawn('nsenter', args, { env: this.#env, stdio: 'ignore' })
  }

  /** Resolves when podman listens on its API socket. */
  static async open(): Promise<Containers> {
    // It ends with this process at the latest: that is the end of its input.
    const script = 'umount -R /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup; echo ready; exec cat'
    const command = ['-m', '--propagation', 'private', 'sh', '-c', script]
    const namespace = spawn('unshare', command, { stdio: ['pipe', 'pipe', 'inherit'] })
    await once(namespace.stdout, 'data')
    const containers = new Containers(namespace, mkdtempSync(join(tmpdir(), 'foreman-containers-')))
    while (!existsSync(containers.#socket)) await new Promise((resolve) => setTimeout(resolve, 20))
    return containers
  }

  get #socket(): string {
    return join(this.#folder, 'podman.sock')
  }

  get #inside(): string[] {
    return ['--mount', '--target', String(this.#namespace.pid)]
  }

  /** Runs podman to its end and answers what it printed. Paths in `args` are absolute. */
  podman(...args: string[]): Promise<string> {
    return runProgram('nsenter', [...this.#inside, 'podman', '--log-level', 'fatal', ...args], this.#env)
  }

  /** A command of a container that runs, and what it printed, without the end of line. */
  async inside(container: string, ...command: string[]): Promise<string> {
    return (await this.podman('exec', container, ...command)).trimEnd()
  }

  /** Asks the container's own HEALTHCHECK, which no timer does here, until it says healthy. */
  async healthy(container: string): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await this.podman('healthcheck', 'run', container)
        return
      } catch (error) {
        if (tries === 20) throw error
        await new Promise((resolve) => setTimeout(resolve, 250))
      }
    }
  }

  /** The environment in which docker compose finds this podman. */
  get dockerHost(): NodeJS.ProcessEnv {
    return { ...process.env, DOCKER_HOST: `unix://${this.#socket}` }
  }

  async close(): Promise<void> {
    const ended = once(this.#service, 'exit')
    this.#service.kill('SIGTERM')
    await ended
    this.#namespace.stdin?.end()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
