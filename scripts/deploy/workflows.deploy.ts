// The workflows of Gitea, judged by actionlint and run by act on this machine, without containers, in a repository whose
// .ci/run is cut short: it takes over what is installed here and does one step of the part `check`, as whoever runs this has
// all of them from .ci/run itself. Of ci.yml that part is run; release.yml is run whole, for this machine's processor, against
// a stand-in for the instance (instance.ts): a real registry takes the image, what npm and twine upload is looked at.

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { root, textOf } from '../page.harness.ts'
import { runProgram } from '../real/cache.ts'
import { StandIn } from './instance.ts'
import { fromDebian, fromGo, fromPython } from './tools.ts'

const workflows = ['ci', 'release'].map((name) => ['.gitea', 'workflows', `${name}.yml`])
const version = (JSON.parse(textOf('package.json')) as { version: string }).version
const tag = `v${version}`
const token = 'token-of-the-release'

let act: string
let folder: string
let repository: string

const git = 'git -c user.name=alice -c user.email=alice@example.com'

/** .ci/run, cut short. Throws when it has not the steps any more that are cut. */
function shortened(): string {
  const cuts = [
    [
      'step npm ci\n',
      ['.', 'client/typescript'].map((place) => `step cp -a '${root}/${place}/node_modules' ${place}\n`).join(''),
    ],
    ['step npm run check\n', 'step npm run rings\n'],
    ['    step npm run clients -- --check\n', ''],
  ] as const
  return cuts.reduce(
    (text, [from, to]) => {
      if (!text.includes(from)) throw new Error(`.ci/run has no line ${from.trim()}`)
      return text.replace(from, to)
    },
    textOf('.ci', 'run'),
  )
}

beforeAll(async () => {
  act = await fromGo('act', 'github.com/nektos/act@v0.2.89')
  folder = mkdtempSync(join(tmpdir(), 'foreman-workflows-'))
  repository = join(folder, 'foreman')
  mkdirSync(repository)
  // As it would be on the day of its release.
  const day = `sed -i 's/^## \\[${version}\\] - .*/## [${version}] - 2026-11-26/' CHANGELOG.md`
  const copy = `cd '${root}' && git ls-files -z --cached --others --exclude-standard | xargs -0 tar c --ignore-failed-read | tar x -C '${repository}'`
  await runProgram('sh', ['-ec', copy])
  writeFileSync(join(repository, '.ci', 'run'), shortened())
  const commit = `cd '${repository}' && ${day} && git init -q -b main . && git remote add origin https://github.com/Alice/foreman.git && git add -A
${git} commit -q -m release && git tag ${tag}`
  await runProgram('sh', ['-ec', commit])
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Runs a workflow and answers what it said; throws when a step failed. */
function run(name: string, ref: string, more: string[], env: Record<string, string> = {}): Promise<string> {
  const event = join(folder, `${name}.json`)
  writeFileSync(event, JSON.stringify({ ref }))
  // How this machine reaches its package registries is no matter of the workflow's.
  const here = Object.entries(process.env).filter(([key]) =>
    /^(PIP_|NODE_EXTRA|SSL_|REQUESTS_|GO|HTTPS?_|NO_)|^npm_config_(userconfig|cafile|registry)$/i.test(key),
  )
  const variables = [...here, ...Object.entries({ CHECKOUT_URL: repository, ...env })].flatMap(([key, value]) => [
    '--env',
    `${key}=${value}`,
  ])
  const quietly = ['--rm', '--pull=false', '--no-cache-server', '--actor', 'alice', '--eventpath', event]
  const place = ['-C', repository, '-W', `.gitea/workflows/${name}.yml`, '-P', 'ubuntu-latest=-self-hosted']
  return runProgram(act, ['push', ...place, ...quietly, ...variables, ...more])
}

test('actionlint has nothing to say of them, nor shellcheck of what they run', async () => {
  const actionlint = await fromGo('actionlint', 'github.com/rhysd/actionlint/cmd/actionlint@v1.7.12')
  const shellcheck = await fromPython('shellcheck')
  const files = workflows.map((path) => join(root, ...path))
  expect(await runProgram(actionlint, ['-shellcheck', shellcheck, ...files])).toBe('')
  await runProgram(shellcheck, [join(root, 'scripts/release/image.sh'), join(root, '.ci/run')])
})

test('they fetch no action from anywhere, and the parts of ci.yml are those of .ci/run', () => {
  for (const path of workflows) expect(textOf(...path)).not.toMatch(/^\s*-? ?uses:/m)
  const [, parts] = /^all=\((.*)\)$/m.exec(textOf('.ci', 'run')) ?? []
  expect(textOf('.gitea', 'workflows', 'ci.yml')).toContain(`part: [${parts?.replaceAll(' ', ', ')}]`)
})

test('a part of ci.yml runs, from the checkout to the line with what passed', async () => {
  const said = await run('ci', 'refs/heads/main', ['--matrix', 'part:check'])
  expect(said).toMatch(/\d+ passed, 0 failed/)
  expect(said).toContain('Job succeeded')
})

test('a tag that is not on main is released nowhere', async () => {
  const other = join(folder, 'other')
  const moved = `git clone -q '${repository}' '${other}' && cd '${other}' && git switch -q --orphan new && ${git} commit -q --allow-empty -m other && git branch -q -M main`
  await runProgram('sh', ['-ec', moved])
  const released = run('release', `refs/tags/${tag}`, ['-s', `RELEASE_TOKEN=${token}`], { CHECKOUT_URL: other })
  await expect(released).rejects.toThrow(`${tag} is not on main`)
})

test('a tag becomes an image, an npm package, a Python package and a page with what is new', async () => {
  const base = 'docker.io/library/node:26-slim'
  await fromDebian({ buildah: 'buildah', debootstrap: 'debootstrap' })
  await runProgram('sh', [
    '-ec',
    `buildah inspect --type image ${base} >/dev/null 2>&1 || '${root}/scripts/image/base.sh'`,
  ])
  const instance = await StandIn.start()
  const own = `linux/${process.arch === 'x64' ? 'amd64' : process.arch}`
  try {
    const target = { INSTANCE_URL: instance.url }
    const said = await run(
      'release',
      `refs/tags/${tag}`,
      ['-s', `RELEASE_TOKEN=${token}`, '--var', `PLATFORMS=${own}`],
      target,
    )
    expect(said).toContain('Job succeeded')
    expect(said).not.toContain(token)
    const { host } = new URL(instance.url)
    await expect(runProgram('buildah', ['login', '--get-login', host])).rejects.toThrow('not logged into')

    const get = async (path: string) => (await fetch(`${instance.url}/v2/alice/foreman/${path}`)).json()
    expect(await get('tags/list')).toMatchObject({ tags: expect.arrayContaining([version, 'latest']) as string[] })
    const npm = instance.at('PUT', '/api/packages/Alice/npm/foreman-client')
    expect(npm.headers.authorization).toBe(`Bearer ${token}`)
    const { versions, _attachments } = JSON.parse(npm.body.toString()) as {
      versions: Record<string, Record<string, unknown>>
      _attachments: Record<string, { data: string }>
    }
    expect(versions[version]).toMatchObject({ name: 'foreman-client', bin: { foreman: 'bin/foreman.js' } })
    expect(versions[version]).not.toHaveProperty('private')
    await installed(Object.values(_attachments)[0]!.data)

    const uploads = instance.taken.filter(({ path }) => path === '/api/packages/Alice/pypi')
    expect(uploads.map(({ body }) => /filename="(.*?)"/.exec(body.toString('latin1'))?.[1]).toSorted()).toEqual([
      `foreman_client-${version}-py3-none-any.whl`,
      `foreman_client-${version}.tar.gz`,
    ])
    const basic = `Basic ${Buffer.from(`alice:${token}`).toString('base64')}`
    expect(uploads.map(({ headers }) => headers.authorization)).toEqual([basic, basic])

    const page = instance.at('POST', '/api/v1/repos/Alice/foreman/releases')
    expect(JSON.parse(page.body.toString())).toMatchObject({ tag_name: tag, prerelease: false })
    expect((JSON.parse(page.body.toString()) as { body: string }).body).toMatch(/^### Added/)
  } finally {
    await instance.close()
  }
})

/** The npm package as it was uploaded, in an empty folder: its program runs. */
async function installed(data: string): Promise<void> {
  const project = join(folder, 'project')
  mkdirSync(project)
  writeFileSync(join(project, 'client.tgz'), Buffer.from(data, 'base64'))
  writeFileSync(join(project, 'package.json'), '{}')
  await runProgram('npm', ['install', '--silent', '--no-audit', '--prefix', project, join(project, 'client.tgz')])
  expect(existsSync(join(project, 'node_modules/foreman-client/dist/index.d.ts'))).toBe(true)
  const said = await runProgram(process.execPath, [join(project, 'node_modules/.bin/foreman'), '--version'])
  expect(said.trim()).toBe(version)
  expect(readFileSync(join(project, 'package.json'), 'utf8')).toContain('foreman-client')
}
