// docker compose, the program itself, on the folder deploy/: by a copy of it as a home would have it, so that nothing is
// written into the repository.

import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runProgram } from '../real/cache.ts'
import { fromGoTool } from './tools.ts'

export const deploy = join(import.meta.dirname, '..', '..', 'deploy')

export class Home {
  readonly folder = mkdtempSync(join(tmpdir(), 'foreman-home-'))
  readonly #program: string
  readonly #env: NodeJS.ProcessEnv

  private constructor(program: string, settings: Record<string, string>, env: NodeJS.ProcessEnv) {
    this.#program = program
    // What a shell has set goes before .env: nothing of this machine's is taken for the home's.
    this.#env = Object.fromEntries(Object.entries(env).filter(([name]) => !/^(?:FOREMAN|TRAEFIK|COMPOSE)_/.test(name)))
    cpSync(deploy, this.folder, { recursive: true })
    mkdirSync(join(this.folder, 'secrets'))
    writeFileSync(join(this.folder, 'secrets/token'), 'a-token-of-this-test\n')
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

  close(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}
