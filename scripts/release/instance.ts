// A Gitea that is published to: its npm and PyPI registries, and the page of a release. Needs a personal access token with
// `write:package` and `write:repository`: what a job is given by itself may not write packages. A run that ended half way can be
// repeated: what is there already is left as it is.

import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
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

/** What both registries have the client under. */
const client = 'foreman-client'

export class Instance {
  readonly #options: InstanceOptions
  readonly #owner: string
  readonly #packages: string

  constructor(options: InstanceOptions) {
    this.#options = options
    this.#owner = options.repository.split('/')[0]!
    this.#packages = `${options.url}/api/packages/${this.#owner}`
  }

  /**
   * Publishes what pack.ts has put into the folder and is not there yet. Throws at the first that is refused, and where a
   * file of that name is there with other bytes: a version is never replaced.
   */
  async publish(folder: string, version: string): Promise<void> {
    const files = readdirSync(folder).map((name) => resolve(folder, name))
    const npm = files.filter((name) => name.endsWith('.tgz'))
    const pypi = files.filter((name) => /\.(whl|tar\.gz)$/.test(name))
    for (const file of await this.#missing('npm', version, npm)) await this.#npm(file)
    const missing = await this.#missing('pypi', version, pypi)
    if (missing.length > 0) await this.#pypi(missing)
  }

  /** Those of the files that a registry does not have. */
  async #missing(registry: 'npm' | 'pypi', version: string, files: string[]): Promise<string[]> {
    const { url, token } = this.#options
    const place = `${url}/api/v1/packages/${this.#owner}/${registry}/${client}/${version}/files`
    const answer = await fetch(place, { headers: { authorization: `token ${token}` } })
    if (!answer.ok && answer.status !== 404)
      throw new Error(`what ${registry} has was not told: ${answer.status} ${await answer.text()}`)
    const listed = answer.ok ? ((await answer.json()) as { name: string; sha256: string }[]) : []
    const has = new Map(listed.map(({ name, sha256 }) => [name, sha256]))
    return files.filter((file) => {
      const there = has.get(basename(file))
      if (there !== undefined && there !== createHash('sha256').update(readFileSync(file)).digest('hex'))
        throw new Error(`${registry} has another ${basename(file)}: delete it there, or release the next patch`)
      return there === undefined
    })
  }

  /** Makes the page of a release, for a tag that is there; one that is there is left as it is. */
  async release(tag: string, body: string): Promise<void> {
    const { url, repository, token } = this.#options
    const answer = await fetch(`${url}/api/v1/repos/${repository}/releases`, {
      method: 'POST',
      headers: { authorization: `token ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ tag_name: tag, name: tag, body, prerelease: tag.includes('-') }),
    })
    if (!answer.ok && answer.status !== 409)
      throw new Error(`the release was not made: ${answer.status} ${await answer.text()}`)
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
