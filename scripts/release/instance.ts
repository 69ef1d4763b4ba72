// A Gitea that is published to: its npm and PyPI registries, and the page of a release. Needs a personal access token with
// `write:package` and `write:repository`: what a job is given by itself may not write packages.

import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { runProgram } from '../real/cache.ts'
import { python } from './pack.ts'

export interface InstanceOptions {
  /** `https://git.example.com`. */
  url: string
  /** `owner/name`. */
  repository: string
  user: string
  token: string
}

export class Instance {
  readonly #options: InstanceOptions
  readonly #packages: string

  constructor(options: InstanceOptions) {
    this.#options = options
    this.#packages = `${options.url}/api/packages/${options.repository.split('/')[0]}`
  }

  /** Publishes what pack.ts has put into the folder. Throws at the first that is refused, as one of that version is there. */
  async publish(folder: string): Promise<void> {
    const files = readdirSync(folder).map((name) => resolve(folder, name))
    for (const file of files.filter((name) => name.endsWith('.tgz'))) await this.#npm(file)
    await this.#pypi(files.filter((name) => /\.(whl|tar\.gz)$/.test(name)))
  }

  /** Makes the page of a release, for a tag that is there. */
  async release(tag: string, body: string): Promise<void> {
    const { url, repository, token } = this.#options
    const answer = await fetch(`${url}/api/v1/repos/${repository}/releases`, {
      method: 'POST',
      headers: { authorization: `token ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ tag_name: tag, name: tag, body, prerelease: tag.includes('-') }),
    })
    if (!answer.ok) throw new Error(`the release was not made: ${answer.status} ${await answer.text()}`)
  }

  async #npm(file: string): Promise<void> {
    const registry = `${this.#packages}/npm/`
    const work = mkdtempSync(join(tmpdir(), 'foreman-npmrc-'))
    try {
      const config = join(work, 'npmrc')
      // npm fills the variable in: the token itself is in no file.
      writeFileSync(config, `${registry.replace(/^https?:/, '')}:_authToken=\${TOKEN}\n`)
      const env = { ...process.env, TOKEN: this.#options.token, NPM_CONFIG_USERCONFIG: config }
      const tag = /-\d+\.\d+\.\d+-/.test(file) ? 'next' : 'latest'
      await runProgram('npm', ['publish', file, '--registry', registry, '--tag', tag, '--provenance=false'], env)
    } finally {
      rmSync(work, { recursive: true, force: true })
    }
  }

  async #pypi(files: string[]): Promise<void> {
    const { user, token } = this.#options
    const env = { ...process.env, TWINE_USERNAME: user, TWINE_PASSWORD: token }
    const quietly = ['--non-interactive', '--disable-progress-bar']
    await runProgram(
      python.program('twine'),
      ['upload', ...quietly, '--repository-url', `${this.#packages}/pypi`, ...files],
      env,
    )
  }
}
