// deploy/compose.yaml brought up for real: docker compose over podman's API socket, a network of its own in the place of
// Traefik's, and the simulated Ollama on the host. What Traefik makes of the labels can't be seen here: they are those that
// were tried with it (docs/deploy.md).

import Database from 'better-sqlite3'
import { chownSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startFake, type Fake } from '../../server/ollama/fake/fake.ts'
import { runProgram } from '../real/cache.ts'
import { Home, shown } from './compose.ts'
import { Containers } from './containers.ts'
import { buildImage, wrapProgram } from './image.ts'
import { fromDebian, fromGo } from './tools.ts'

const own = `foreman-compose-${process.pid}`
const container = `${own}-foreman-1`
const settings: Record<string, string> = {
  COMPOSE_PROJECT_NAME: own,
  FOREMAN_HOST: 'foreman.example.net',
  FOREMAN_IMAGE: `localhost/${own}:latest`,
  TRAEFIK_NETWORK: own,
}
/** From `up` to the first `readyz` that says so, milliseconds. */
const starts: number[] = []

let containers: Containers
let fake: Fake
let home: Home
let gateway: string
/** Of the container, on Traefik's network. */
let url: string

beforeAll(async () => {
  const network = { '/usr/lib/podman/netavark': 'netavark', '/usr/lib/podman/aardvark-dns': 'aardvark-dns' }
  await fromDebian({ podman: 'podman', crun: 'crun', iptables: 'iptables', ...network })
  await buildImage(`${own}:latest`)
  containers = await Containers.open()
  await containers.podman('network', 'create', own)
  gateway = (await containers.podman('network', 'inspect', '--format', '{{(index .Subnets 0).Gateway}}', own)).trim()
  fake = await startFake({ models: ['tiny', 'llama3.2'], registry: ['late'] })
  settings.OLLAMA_ADDRESS = gateway
  settings.FOREMAN_TARGET = `http://ollama.internal:${fake.port}`
  home = await Home.open(settings, containers.dockerHost)
  await up()
  // The simulated Ollama listens on loopback: whoever calls it at the network's gateway, which is there by now, gets to it.
  const relay = createServer((socket) => {
    const onward = connect(fake.port, '127.0.0.1')
    socket.on('error', () => onward.destroy()).on('close', () => onward.destroy())
    onward.on('error', () => socket.destroy()).on('close', () => socket.destroy())
    socket.pipe(onward).pipe(socket)
  })
  relay.listen(fake.port, gateway).unref()
})

afterAll(async () => {
  process.stdout.write(`from up to readyz: ${starts.map((ms) => Math.round(ms)).join(', ')} ms\n`)
  await home?.compose('--profile', '*', 'down', '--volumes', '--timeout', '1')
  home?.close()
  await fake?.close()
  await containers.podman('network', 'rm', '--force', own)
  await containers.podman('rmi', '--force', `${own}:latest`, `${own}-litestream:latest`).catch(() => '')
  await containers.close()
})

/** Brings it up as a home does, and waits until it is ready. */
async function up(...args: string[]): Promise<void> {
  const began = performance.now()
  await home.compose(...args, 'up', '--detach', '--pull', 'never')
  const format = `{{(index .NetworkSettings.Networks "${own}").IPAddress}}`
  url = `http://${(await containers.podman('inspect', '--format', format, container)).trim()}:11435`
  await ready()
  starts.push(performance.now() - began)
  await containers.healthy(container)
}

async function ready(): Promise<void> {
  for (let tries = 1; ; tries++) {
    const answer = await fetch(`${url}/readyz`).catch((error: unknown) => error as Error)
    if (answer instanceof Response && answer.ok) return
    if (tries === 2_000) throw new Error(`${url} is not ready: ${await containers.podman('logs', container)}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

async function call<T>(path: string, body?: object): Promise<T> {
  const headers = { authorization: `Bearer ${home.token}`, 'content-type': 'application/json' }
  const method = body ? 'POST' : 'GET'
  const answer = await fetch(`${url}${path}`, { method, headers, body: body && JSON.stringify(body) })
  expect(answer.status).toBeLessThan(300)
  return (await answer.json()) as T
}

interface Job {
  id: string
  state: string
  links: { self: string }
}

const request = { endpoint: '/api/generate', body: { model: 'tiny', prompt: 'hello' } }

async function inspect<T>(format: string): Promise<T> {
  return JSON.parse(await containers.podman('inspect', '--format', `{{json ${format}}}`, container)) as T
}

describe('as it comes', () => {
  test('no port of the host is its own', async () => {
    expect(await inspect('.NetworkSettings.Ports')).toEqual({ '11435/tcp': null })
  })

  test('whoever is on the network of Traefik reaches it by name', async () => {
    const code = "fetch('http://foreman:11435/livez').then(async (r) => console.log(r.status))"
    const command = ['run', '--rm', '--pull', 'never', '--network', own, settings.FOREMAN_IMAGE as string]
    expect(await containers.podman(...command, 'node', '-e', code)).toBe('200\n')
  })

  test('its labels are those that were tried with Traefik', async () => {
    const labels = await inspect<Record<string, string>>('.Config.Labels')
    const read = Object.entries(labels).filter(([name]) => name.startsWith('traefik.'))
    expect(Object.fromEntries(read)).toEqual({
      'traefik.enable': 'true',
      'traefik.docker.network': own,
      'traefik.http.routers.foreman.rule': 'Host(`foreman.example.net`)',
      'traefik.http.routers.foreman.entrypoints': 'websecure',
      'traefik.http.routers.foreman.tls.certresolver': 'le',
      'traefik.http.routers.foreman.service': 'foreman',
      'traefik.http.services.foreman.loadbalancer.server.port': '11435',
    })
  })

  test('the token of the secret file opens it, and nothing else does', async () => {
    expect((await fetch(`${url}/queue`)).status).toBe(401)
    await call('/queue')
  })

  test('it may write to /data and /tmp and nowhere else', async () => {
    await containers.inside(container, 'touch', '/data/new', '/tmp/new')
    await containers.inside(container, 'rm', '/data/new')
    await expect(containers.inside(container, 'touch', '/app/new')).rejects.toThrow('Read-only file system')
    const status = await containers.inside(container, 'cat', '/proc/1/status')
    expect(status).toMatch(/^Uid:\t1000\t/m)
    expect(status).toMatch(/^CapEff:\t0+$/m)
    expect(status).toMatch(/^NoNewPrivs:\t1$/m)
  })

  test('a job goes to the Ollama at OLLAMA_ADDRESS, and its links lead through Traefik', async () => {
    const job = await call<Job>('/jobs?wait=60', { request })
    expect(job.state).toBe('done')
    expect(job.links.self).toBe(`https://foreman.example.net/jobs/${job.id}`)
  })
})

test('the calls that docs/deploy.md shows are answered as it says', async () => {
  const calls = shown.filter((text) => text.includes('curl'))
  const said: string[] = []
  for (const text of calls) {
    const here = text.replaceAll('https://foreman.example.com', url).replaceAll(/^curl/gm, 'curl -sS --fail')
    said.push(await runProgram('env', ['-C', home.folder, 'sh', '-ec', here]))
  }
  expect(said[0]).toContain('"state":"awake"')
  expect(said[1]).toContain('"llama3.2:latest"')
  expect(said[1]).toContain('"state":"done"')
})

describe('the models', () => {
  const models = `${own}-models-1`

  async function bring(list: string): Promise<{ code: string; said: string }> {
    writeFileSync(join(home.folder, 'models.txt'), list)
    await home.compose(
      '--profile',
      'models',
      'up',
      '--detach',
      '--pull',
      'never',
      '--force-recreate',
      '--no-deps',
      'models',
    )
    const code = await containers.podman('wait', models)
    return { code: code.trim(), said: await home.compose('--profile', 'models', 'logs', 'models') }
  }

  test('those of models.txt are there when the service has ended', async () => {
    expect((await bring('late  # comes from the registry\n')).code).toBe('0')
    expect(JSON.stringify(await call('/api/tags'))).toContain('late')
  })

  test('one that cannot be had is said, and the service ends with 1', async () => {
    const { code, said } = await bring('nowhere\n')
    expect(said).toContain('nowhere')
    expect(code).toBe('1')
  })
})

test('the replica of Litestream beside it has what foreman has', async () => {
  const program = await fromGo('litestream', 'github.com/benbjohnson/litestream/cmd/litestream@v0.5.18')
  const image = await wrapProgram(`${own}-litestream:latest`, program)
  const replica = join(home.folder, 'replica')
  mkdirSync(replica)
  chownSync(replica, 1000, 1000)
  home.set({ ...settings, LITESTREAM_IMAGE: image })
  const { id } = await call<Job>('/jobs?wait=60', { request })
  await home.compose('--profile', 'litestream', 'up', '--detach', '--pull', 'never', '--no-deps', 'litestream')
  const restore = ['/usr/local/bin/program', 'restore', '-o', '/backup/copy.db', '/data/foreman.db']
  const follower = `${own}-litestream-1`
  // The first snapshot takes it about a second.
  const restored = () =>
    containers.inside(follower, ...restore).then(
      () => true,
      () => false,
    )
  while (!(await restored())) continue
  const copy = new Database(join(replica, 'copy.db'), { readonly: true })
  expect(copy.prepare('SELECT state FROM job WHERE id = ?').pluck().get(id)).toBe('done')
  copy.close()
  await home.compose('--profile', 'litestream', 'down', 'litestream', '--timeout', '1')
  home.set(settings)
})

describe('as it is changed', () => {
  test('settings of foreman.env are its settings, and a new one is there after another `up`', async () => {
    const { id } = await call<Job>('/jobs?wait=60', { request })
    writeFileSync(join(home.folder, 'foreman.env'), 'FOREMAN_QUEUE_MAX=1\nFOREMAN_STOP_GRACE=15s\n')
    await up()
    expect(await containers.inside(container, 'sh', '-c', 'echo $FOREMAN_QUEUE_MAX')).toBe('1')
    expect((await call<Job>(`/jobs/${id}`)).state).toBe('done')
  })

  test('a mistake in foreman.env keeps it from starting, and its log says which', async () => {
    writeFileSync(join(home.folder, 'foreman.env'), 'FOREMAN_QUEUE_MAXX=1\n')
    await home.compose('up', '--detach', '--pull', 'never')
    while (!(await home.compose('logs', 'foreman')).includes('FOREMAN_QUEUE_MAX (did you mean that?)')) continue
    rmSync(join(home.folder, 'foreman.env'))
    await up()
  })

  test('a network that Traefik does not have is said', async () => {
    home.set({ ...settings, TRAEFIK_NETWORK: `${own}-absent` })
    const said = `network ${own}-absent declared as external, but could not be found`
    await expect(home.compose('up', '--detach', '--pull', 'never')).rejects.toThrow(said)
    home.set(settings)
  })

  test('a job that runs when it is stopped may end, and one that waits is there after a `down`', async () => {
    const hang = Promise.withResolvers<void>()
    fake.fault({ do: 'hang', after: 1, until: hang.promise })
    const running = await call<Job>('/jobs', { request })
    const waiting = await call<Job>('/jobs', { request })
    await fake.until(() => fake.inFlight === 1)
    const stopped = home.compose('stop')
    while (!(await containers.podman('logs', container)).includes('"msg":"stopping')) continue
    hang.resolve()
    await stopped
    expect(await inspect('.State.ExitCode')).toBe(0)
    await home.compose('down')
    await up()
    expect(await call<Job>(`/jobs/${running.id}`)).toMatchObject({ state: 'done', interruptions: 0 })
    expect((await call<Job>(`/jobs/${waiting.id}?wait=60`)).state).toBe('done')
  })
})

describe('in the network of the host', () => {
  test('it listens where BRIDGE_ADDRESS says, healthy, with the same data', async () => {
    const { id } = await call<Job>('/jobs?wait=60', { request })
    const host = { COMPOSE_FILE: 'compose.yaml:compose.host.yaml', BRIDGE_ADDRESS: '127.0.0.77' }
    home.set({ ...settings, ...host, FOREMAN_TARGET: fake.url })
    await home.compose('up', '--detach', '--pull', 'never')
    await containers.healthy(container)
    url = 'http://127.0.0.77:11435'
    expect((await call<Job>(`/jobs/${id}`)).state).toBe('done')
    expect(await inspect('.HostConfig.NetworkMode')).toBe('host')
  })
})
