// The image as its operator meets it: what is in it, and how it runs when it may write to its volume and nowhere else.

import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePort } from '../demo/daemon.ts'
import { Containers } from './containers.ts'
import { base, buildImage } from './image.ts'
import { fromDebian } from './tools.ts'

const root = join(import.meta.dirname, '..', '..')
const names = { image: `foreman-image-${process.pid}:one`, again: `foreman-image-${process.pid}:two` }
let containers: Containers
let image: string

beforeAll(async () => {
  await fromDebian({ podman: 'podman', crun: 'crun' })
  image = await buildImage(names.image)
  containers = await Containers.open()
})

afterAll(async () => {
  await containers.podman('rmi', '--force', ...Object.values(names)).catch(() => '')
  await containers.close()
})

async function inspect<T>(of: string, format: string): Promise<T> {
  return JSON.parse(await containers.podman('image', 'inspect', '--format', `{{json ${format}}}`, of)) as T
}

/** A command in a container that is gone after it, and what it printed. */
function once(...args: string[]): Promise<string> {
  return containers.podman('run', '--rm', '--pull', 'never', '--network', 'none', ...args)
}

describe('what is in it', () => {
  test('it is at most 250 MB larger than its base', async () => {
    const larger = (await inspect<number>(image, '.Size')) - (await inspect<number>(base, '.Size'))
    process.stdout.write(`the image is ${Math.round(larger / 1e6)} MB larger than its base\n`)
    expect(larger).toBeLessThan(250e6)
  })

  test('two builds of one commit have the same bytes in the same layers', async () => {
    const again = await buildImage(names.again)
    const layers = await inspect<string[]>(image, '.RootFS.Layers')
    expect(layers.length).toBeGreaterThan((await inspect<string[]>(base, '.RootFS.Layers')).length)
    expect(await inspect(again, '.RootFS.Layers')).toEqual(layers)
  })

  test('its labels say what it is, of which commit and from where', async () => {
    const git = (...args: string[]) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim()
    const { version } = (await import('../../package.json', { with: { type: 'json' } })).default
    expect(await inspect(image, '.Labels')).toMatchObject({
      'org.opencontainers.image.title': 'foreman',
      'org.opencontainers.image.licenses': 'MIT',
      'org.opencontainers.image.version': version,
      'org.opencontainers.image.revision': git('rev-parse', 'HEAD'),
      'org.opencontainers.image.source': 'https://git.example.com/foreman',
    })
    expect(Date.parse(await inspect(image, '.Created'))).toBe(Date.parse(git('log', '-1', '--format=%cI')))
  })

  test('SIGTERM is what stops it', async () => {
    expect(await inspect(image, '.Config.StopSignal')).toBe('SIGTERM')
  })

  test('its code is compiled, and taken as it is by the user who runs it', async () => {
    const asked = ['-e', 'NODE_DEBUG_NATIVE=COMPILE_CACHE', '-e', 'FOREMAN_ALLOW_ANONYMOUS=1', '--read-only']
    const command = (await inspect<string[]>(image, '.Config.Cmd')).join(' ')
    const said = await once(...asked, image, 'sh', '-c', `${command} --check 2>&1`)
    expect(said.match(/was accepted/g)?.length).toBeGreaterThan(500)
    expect(said).not.toMatch(/was rejected|persisting .* succeeded/)
  })

  test('what it runs belongs to root, and its user may read all of it and write none', async () => {
    expect(await once(image, 'find', '/app', '!', '-user', 'root', '-print')).toBe('')
    expect(await once(image, 'find', '/app', '!', '-readable', '-print')).toBe('')
    expect(await once(image, 'find', '/app', '-writable', '!', '-type', 'l', '-print')).toBe('')
  })
})

describe('how it runs', () => {
  const name = `foreman-image-${process.pid}`
  const token = 'a-token-of-this-test'
  const authorization = `Bearer ${token}`
  let url: string
  let job: string

  beforeAll(async () => {
    const port = await freePort()
    url = `http://127.0.0.1:${port}`
    const hardened = ['--read-only', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges', '--tmpfs', '/tmp']
    const settings = { TOKEN: token, LISTEN: `127.0.0.1:${port}`, TARGET: 'http://127.0.0.1:9' }
    const env = Object.entries(settings).flatMap(([key, value]) => ['-e', `FOREMAN_${key}=${value}`])
    const data = ['--network', 'host', '-v', `${name}:/data`, '--pull', 'never']
    await containers.podman('run', '-d', '--name', name, ...hardened, ...data, ...env, image)
    await containers.healthy(name)
  })

  afterAll(async () => {
    await containers.podman('rm', '--force', '--volumes', '--time', '1', name)
    await containers.podman('volume', 'rm', '--force', name)
  })

  test('it refuses to listen beyond loopback without a token', async () => {
    await expect(once(image)).rejects.toThrow(/FOREMAN_TOKEN/)
  })

  test('it is healthy while its target is absent', async () => {
    const target = (await (await fetch(`${url}/target`, { headers: { authorization } })).json()) as { state: string }
    expect(target.state).not.toBe('awake')
    await containers.healthy(name)
  })

  test('node is its first process, of uid 1000, without capabilities or a way to new ones', async () => {
    expect(await containers.inside(name, 'sh', '-c', "tr '\\0' ' ' </proc/1/cmdline")).toMatch(
      /^node .*server\/main.ts$/,
    )
    const status = await containers.inside(name, 'cat', '/proc/1/status')
    expect(status).toMatch(/^Uid:\t1000\t1000\t1000\t1000$/m)
    expect(status).toMatch(/^CapEff:\t0+$/m)
    expect(status).toMatch(/^NoNewPrivs:\t1$/m)
  })

  test('its data belongs to it and to nobody else', async () => {
    expect(await containers.inside(name, 'stat', '-c', '%u %a', '/data', '/data/foreman.db')).toBe('1000 700\n1000 600')
  })

  test.each(['/', '/app', '/app/.cache', '/home/node', '/var'])('it cannot write to %s', async (folder) => {
    await expect(containers.inside(name, 'touch', `${folder}/new`)).rejects.toThrow(/Read-only|denied/)
  })

  test('its liveness is open, its queue is not', async () => {
    expect((await fetch(`${url}/livez`)).status).toBe(200)
    expect((await fetch(`${url}/queue`)).status).toBe(401)
  })

  test('what is called by hand is in it: doctor, backup, restore and pull-models', async () => {
    const node = (...command: string[]) => containers.inside(name, 'node', ...command)
    await expect(node('scripts/doctor.ts')).rejects.toThrow(/^fail {2}target:/m)
    expect(await node('scripts/backup.ts', '/data/backup.db')).toMatch(/\b0 jobs\b/)
    await expect(node('scripts/restore.ts', '/data/backup.db')).rejects.toThrow('exit code 1')
    await containers.inside(name, 'sh', '-c', 'echo tiny >/tmp/models.txt')
    await expect(node('scripts/pull-models.ts', '/tmp/models.txt', '--wait', '0')).rejects.toThrow('exit code 1')
  })

  test('SIGTERM ends it in order, and what it had accepted is there when it starts again', async () => {
    const body = JSON.stringify({ request: { endpoint: '/api/generate', body: { model: 'tiny', prompt: 'hello' } } })
    const headers = { authorization, 'content-type': 'application/json' }
    const accepted = await fetch(`${url}/jobs`, { method: 'POST', headers, body })
    expect(accepted.status).toBe(202)
    job = ((await accepted.json()) as { id: string }).id
    await containers.podman('stop', '--time', '40', name)
    expect(await containers.podman('inspect', '--format', '{{.State.ExitCode}}', name)).toBe('0\n')
    await containers.podman('start', name)
    await containers.healthy(name)
    expect((await fetch(`${url}/jobs/${job}`, { headers: { authorization } })).status).toBe(200)
  })
})

describe('where HEALTHCHECK asks', () => {
  test.concurrent.each(['0.0.0.0:11500', '[::]:11500', '127.0.0.1:11500', '[::1]:11500', ':11500', '11500'])(
    'it is where FOREMAN_LISTEN=%s listens',
    async (listen) => {
      const name = `foreman-image-${process.pid}-at${listen.replaceAll(/\W/g, '_')}`
      const env = ['-e', `FOREMAN_LISTEN=${listen}`, '-e', 'FOREMAN_ALLOW_ANONYMOUS=1', '--network', 'none']
      await containers.podman('run', '-d', '--rm', '--name', name, '--pull', 'never', ...env, image)
      try {
        await containers.healthy(name)
      } finally {
        await containers.podman('rm', '--force', '--volumes', '--time', '1', name)
      }
    },
  )
})
