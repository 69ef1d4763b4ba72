// docker compose, the program itself, on a copy of the folder deploy/ in a home: made as docs/deploy.md says, by its own lines.

import { execFileSync } from 'node:child_process'
import { chownSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { snippetsIn, textOf } from '../page.harness.ts'
import { runProgram } from '../real/cache.ts'
import { fromGoTool } from './tools.ts'

export const deploy = join(import.meta.dirname, '..', '..', 'deploy')

/** The commands of docs/deploy.md, block by block. */
export const shown = snippetsIn(textOf('docs/deploy.md'), 'sh')

export class Home {
  readonly folder = mkdtempSync(join(tmpdir(), 'foreman-home-'))
  readonly #program: string
  readonly #env: NodeJS.ProcessEnv

  private constructor(program: string, settings: Record<string, string>, env: NodeJS.ProcessEnv) {
    this.#program = program
    // What a shell has set goes before .env: nothing of this machine's is taken for the home's.
    this.#env = Object.fromEntries(Object.entries(env).filter(([name]) => !/^(?:FOREMAN|TRAEFIK|COMPOSE)_/.test(name)))
    cpSync(deploy, this.folder, { recursive: true })
    const making = shown.find((text) => text.includes('secrets/token')) as string
    execFileSync('sh', ['-ec', making], { cwd: this.folder })
    // Whoever has a home is uid 1000; here it is root.
    chownSync(join(this.folder, 'secrets/token'), 1000, 1000)
    this.set(settings)
  }

  /** `settings` is the whole of its .env, `env` says where the containers are. */
  static async open(settings: Record<string, string>, env = process.env): Promise<Home> {
    const program = await fromGoTool('docker-compose', 'github.com/docker/compose/v5/cmd@v5.6.0')
    return new Home(program, settings, env)
  }

  /** Writes .env anew: the settings, and lines before them. */
  set(settings: Record<string, string>, before = ''): void {
    const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`)
    writeFileSync(join(this.folder, '.env'), before + lines.join(''))
  }

  /** `docker compose …` in the folder; answers what it printed. */
  compose(...args: string[]): Promise<string> {
    return runProgram('env', ['-C', this.folder, this.#program, ...args], this.#env)
  }

  get token(): string {
    return readFileSync(join(this.folder, 'secrets/token'), 'utf8').trim()
  }

  close(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}
