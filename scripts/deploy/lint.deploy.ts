// The form of what is shipped, told by the programs that know it: the Dockerfile, shell scripts, compose files, and the
// examples beside them held to what they are examples of.

import { globSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadConfig } from '../../server/config.ts'
import { snippetsIn, textOf } from '../page.harness.ts'
import { runProgram } from '../real/cache.ts'
import { deploy, Home } from './compose.ts'
import { fromPython } from './tools.ts'

const root = join(import.meta.dirname, '..', '..')
const read = (...path: string[]) => readFileSync(join(...path), 'utf8')

test('hadolint has nothing to say about the Dockerfile', async () => {
  expect(await runProgram(await fromPython('hadolint'), [join(root, 'Dockerfile')])).toBe('')
})

const shell = [...globSync('{scripts,deploy}/**/*.sh', { cwd: root }), '.ci/run']

test.each(shell)('shellcheck has nothing to say about %s', async (path) => {
  expect(await runProgram(await fromPython('shellcheck'), [join(root, path)])).toBe('')
})

test('compose.yaml is what the specification of compose files says', async () => {
  const schema = ['--builtin-schema', 'vendor.compose-spec']
  const said = await runProgram(await fromPython('check-jsonschema'), [...schema, join(deploy, 'compose.yaml')])
  expect(said).toContain('ok')
})

describe('docker compose', () => {
  const both = 'compose.yaml:compose.host.yaml'
  const host = { FOREMAN_HOST: 'foreman.example.net' }
  let home: Home

  interface Service {
    environment: Record<string, string>
    network_mode?: string
    networks?: object
    ports?: unknown
    stop_grace_period: string
    labels: Record<string, string>
    secrets: { source: string }[]
  }

  const foreman = async () =>
    (JSON.parse(await home.compose('config', '--format', 'json')) as { services: { foreman: Service } }).services
      .foreman

  beforeAll(async () => {
    home = await Home.open({})
  })
  afterAll(() => home.close())

  test('it takes the folder as it is, .env.example as .env and all profiles at once', async () => {
    for (const files of ['compose.yaml', both]) {
      home.set({ COMPOSE_FILE: files }, read(deploy, '.env.example'))
      await home.compose('--profile', '*', 'config', '--quiet')
    }
  })

  test('it wants to know the one name that has no default', async () => {
    home.set({})
    await expect(home.compose('config', '--quiet')).rejects.toThrow('the name that Traefik serves foreman under')
  })

  test('every variable of both files stands in .env.example with its default, and nothing else does', async () => {
    home.set({ ...host, COMPOSE_FILE: both })
    const rows = (await home.compose('config', '--variables')).trim().split('\n').slice(1)
    const asked = rows
      .map((row) => row.split(/\s+/))
      .map(([name, required, value = '']) => [name, required, value] as const)
    const shown = [...read(deploy, '.env.example').matchAll(/^(#?)(\w+)=(.*)$/gm)]
      .filter(([, , name]) => !name?.startsWith('COMPOSE_'))
      .map(([, commented, name, value]) => [name, String(commented === ''), commented ? value : ''] as const)
    expect(shown.toSorted()).toEqual(asked.toSorted())
  })

  test('every name that differs between homes can be another one', async () => {
    const names = { NETWORK: 'edge', ENTRYPOINT: 'https', CERTRESOLVER: 'home', ROUTER: 'ai' }
    const traefik = Object.entries(names).map(([name, value]) => [`TRAEFIK_${name}`, value])
    home.set({ ...host, ...(Object.fromEntries(traefik) as object) })
    expect((await foreman()).labels).toEqual({
      'traefik.enable': 'true',
      'traefik.docker.network': 'edge',
      'traefik.http.routers.ai.rule': 'Host(`foreman.example.net`)',
      'traefik.http.routers.ai.entrypoints': 'https',
      'traefik.http.routers.ai.tls.certresolver': 'home',
      'traefik.http.routers.ai.service': 'ai',
      'traefik.http.services.ai.loadbalancer.server.port': '11435',
    })
  })

  test('links lead to the name that Traefik serves, and no port is published', async () => {
    home.set(host)
    const { environment, ports } = await foreman()
    expect(environment.FOREMAN_PUBLIC_URL).toBe('https://foreman.example.net')
    expect(ports).toBeUndefined()
  })

  test('it starts again by itself, and has limits for its memory, its processes and its log', async () => {
    home.set(host)
    expect(await foreman()).toMatchObject({
      restart: 'unless-stopped',
      mem_limit: String(768 * 1024 * 1024),
      pids_limit: 200,
      logging: { driver: 'json-file', options: { 'max-size': '10m', 'max-file': '3' } },
    })
  })

  test('no service has a capability that it does not need, or a way to a new one', async () => {
    home.set({ ...host, COMPOSE_PROFILES: 'models,ollama,litestream' })
    const { services } = JSON.parse(await home.compose('config', '--format', 'json')) as {
      services: Record<string, { security_opt: string[]; read_only?: boolean; cap_drop?: string[] }>
    }
    for (const [name, { security_opt, read_only, cap_drop }] of Object.entries(services)) {
      expect(security_opt, name).toEqual(['no-new-privileges:true'])
      // Ollama's image writes where it likes and runs as root.
      if (name !== 'ollama') expect({ read_only, cap_drop }, name).toEqual({ read_only: true, cap_drop: ['ALL'] })
    }
    expect(Object.keys(services).toSorted()).toEqual(['foreman', 'litestream', 'models', 'ollama'])
  })

  test('in the network of the host it is in no other one', async () => {
    home.set({ ...host, COMPOSE_FILE: both })
    const { network_mode, networks, environment } = await foreman()
    expect({ network_mode, networks }).toEqual({ network_mode: 'host' })
    expect(environment.FOREMAN_LISTEN).toBe('172.17.0.1:11435')
  })

  test('from SIGTERM to SIGKILL there is the grace of a running job and 20 s more', async () => {
    home.set(host)
    const granted = Number(/^(\d+)s$/.exec((await foreman()).stop_grace_period)?.[1]) * 1_000
    expect(granted).toBeGreaterThan(loadConfig({}, () => '').stopGrace + 20_000)
  })

  test('another secret comes by a file as docs/deploy.md shows, and the token still does', async () => {
    home.set(host)
    const [shown = ''] = snippetsIn(textOf('docs/deploy.md'), 'yaml').filter((text) => text.includes('webhook_secret'))
    const override = join(home.folder, 'compose.override.yaml')
    writeFileSync(override, shown)
    const { environment, secrets } = await foreman()
    rmSync(override)
    const files = Object.entries(environment).filter(([name]) => name.endsWith('_FILE'))
    expect(files.map(([, path]) => path).toSorted()).toEqual(
      secrets.map(({ source }) => `/run/secrets/${source}`).toSorted(),
    )
    expect(files.map(([name]) => name).toSorted()).toEqual(['FOREMAN_TOKEN_FILE', 'FOREMAN_WEBHOOK_SECRET_FILE'])
    expect(
      loadConfig(Object.fromEntries(files), () => 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw').webhookSecrets,
    ).toHaveLength(1)
  })

  test('what is passed on as a setting of foreman is one', async () => {
    const { environment } = await foreman()
    const tokenless = Object.entries(environment).filter(([name]) => name !== 'FOREMAN_TOKEN_FILE')
    expect(loadConfig(Object.fromEntries(tokenless), () => '').target).toBe('http://ollama.internal:11434')
    expect(environment.FOREMAN_TOKEN_FILE).toBe('/run/secrets/foreman_token')
  })
})
