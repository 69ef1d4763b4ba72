// foreman as the fuzzer meets it: a process of its own, with a token, in front of a simulated Ollama that is quick.
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startFake, type Fake } from '../../server/ollama/fake/fake.ts'
import { freePort } from '../demo/daemon.ts'

const main = join(import.meta.dirname, '..', '..', 'server', 'main.ts')
/** A paused queue would keep every caller that waits for a job for as long as they want to wait. */
const resumeEvery_ms = 100

export class Foreman {
  readonly url: string
  readonly token: string
  readonly #child: ChildProcess
  readonly #fake: Fake
  readonly #folder: string
  readonly #resuming: NodeJS.Timeout
  /** Lines of its log that tell of something that should not have happened. */
  readonly faults: string[] = []

  /** Resolves when it answers. */
  static async start(token: string): Promise<Foreman> {
    const fake = await startFake({ models: ['llama3.2', 'qwen3:4b'] })
    const folder = await mkdtemp(join(tmpdir(), 'foreman-fuzz-'))
    const foreman = new Foreman(token, `http://127.0.0.1:${await freePort()}`, fake, folder)
    for (let tries = 0; foreman.running && tries < 400; tries++) {
      if ((await fetch(`${foreman.url}/readyz`).catch(() => undefined))?.ok) return foreman
      await new Promise((resolve) => setTimeout(resolve, 25))
    }
    await foreman.stop()
    throw new Error('foreman did not start')
  }

  private constructor(token: string, url: string, fake: Fake, folder: string) {
    this.url = url
    this.token = token
    this.#fake = fake
    this.#folder = folder
    const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('FOREMAN_'))
    const env = {
      ...Object.fromEntries(kept),
      FOREMAN_TARGET: fake.url,
      FOREMAN_LISTEN: new URL(url).host,
      FOREMAN_DATA: folder,
      FOREMAN_TOKEN: token,
      FOREMAN_LOG_LEVEL: 'warn',
    }
    this.#child = spawn(process.execPath, [main], { env, cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] })
    let rest = ''
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      this.faults.push(...lines.filter((line) => !line.startsWith('{') || /"level":[56]0/.test(line)))
    })
    const resume = () =>
      void fetch(`${url}/queue/resume`, { method: 'POST', headers: { authorization: `Bearer ${token}` } }).catch(
        () => {},
      )
    this.#resuming = setInterval(resume, resumeEvery_ms)
  }

  /** Whether it has neither ended nor crashed. */
  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  async stop(): Promise<void> {
    clearInterval(this.#resuming)
    if (this.running) {
      const ended = new Promise((resolve) => this.#child.once('exit', resolve))
      this.#child.kill('SIGTERM')
      await ended
    }
    await this.#fake.close()
    await rm(this.#folder, { recursive: true, force: true })
  }
}
