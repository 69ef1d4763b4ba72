import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import { describe, expect, expectTypeOf, test } from 'vitest'
import { ConfigError, loadConfig, settings, type Config, type Mistake } from './config.ts'

const noFiles = (path: string): string => {
  throw Object.assign(new Error(`no ${path}`), { code: 'ENOENT' })
}

const load = (env: Record<string, string> = {}, readFile = noFiles): Config => loadConfig(env, readFile)

function mistakes(env: Record<string, string>, readFile = noFiles): readonly Mistake[] {
  try {
    load(env, readFile)
  } catch (error) {
    if (error instanceof ConfigError) return error.mistakes
    throw error
  }
  return []
}

describe('an empty environment', () => {
  test('means the documented default of every setting, in milliseconds and bytes', () => {
    expect(load()).toEqual({
      target: 'http://127.0.0.1:11434',
      targetToken: null,
      listen: { host: '127.0.0.1', port: 11435 },
      publicUrl: 'http://127.0.0.1:11435',
      data: './data',
      tokens: [],
      allowAnonymous: false,
      corsOrigins: [],
      hosts: [],
      peoplePatience: 10_000,
      patience: 300_000,
      hold: 60_000,
      yieldMax: 900_000,
      claim: 120_000,
      absentHold: 30_000,
      jobTimeout: 1_800_000,
      maxAttempts: 3,
      loadStall: 600_000,
      keepAliveAfter: null,
      grace: 120_000,
      wakeMac: null,
      wakeBroadcast: '255.255.255.255',
      queueMax: 100_000,
      bodyMax: 67_108_864,
      keepDone: 604_800_000,
      keepFailed: 2_592_000_000,
      webhookSecrets: [],
      webhookUrl: null,
      webhookAllow: [],
      stopGrace: 10_000,
      logLevel: 'info',
    })
  })

  test('gives values nobody can change', () => {
    const config = load()
    expect([config, config.listen, config.tokens, load({ FOREMAN_TOKEN: 'a' }).tokens].every(Object.isFrozen)).toBe(
      true,
    )
  })

  test('has the types the parts ask for', () => {
    expectTypeOf<Config['patience']>().toEqualTypeOf<number>()
    expectTypeOf<Config['yieldMax']>().toEqualTypeOf<number | null>()
    expectTypeOf<Config['tokens']>().toEqualTypeOf<readonly string[]>()
    expectTypeOf<Config['wakeMac']>().toEqualTypeOf<string | null>()
    expectTypeOf<Config['allowAnonymous']>().toEqualTypeOf<boolean>()
  })

  test('is what empty and blank variables mean too', () => {
    expect(load({ FOREMAN_TOKEN: '', FOREMAN_PATIENCE: ' ', PATH: '/bin' })).toEqual(load())
  })
})

test('every setting can be set', () => {
  const secret = `whsec_${Buffer.alloc(24, 7).toString('base64')}`
  const config = load({
    FOREMAN_TARGET: 'https://gpu.example.org/ollama/',
    FOREMAN_TARGET_TOKEN: 'sesame,open',
    FOREMAN_LISTEN: ':8080',
    FOREMAN_PUBLIC_URL: 'https://foreman.example.org/',
    FOREMAN_DATA: '/var/lib/foreman',
    FOREMAN_TOKEN: 'one, two',
    FOREMAN_ALLOW_ANONYMOUS: '1',
    FOREMAN_CORS_ORIGINS: 'https://Chat.example.org,app://here',
    FOREMAN_HOSTS: 'Foreman.lan,10.0.0.7,[fd00::7]',
    FOREMAN_PEOPLE_PATIENCE: 'off',
    FOREMAN_PATIENCE: '90s',
    FOREMAN_HOLD: '0',
    FOREMAN_YIELD_MAX: 'off',
    FOREMAN_CLAIM: '1h',
    FOREMAN_ABSENT_HOLD: '0',
    FOREMAN_JOB_TIMEOUT: '500ms',
    FOREMAN_MAX_ATTEMPTS: '10',
    FOREMAN_LOAD_STALL: '20m',
    FOREMAN_KEEP_ALIVE_AFTER: '-1',
    FOREMAN_GRACE: '10s',
    FOREMAN_WAKE_MAC: 'AA-BB-CC-DD-EE-FF',
    FOREMAN_WAKE_BROADCAST: '192.168.1.255',
    FOREMAN_QUEUE_MAX: '5',
    FOREMAN_BODY_MAX: '64KB',
    FOREMAN_KEEP_DONE: 'off',
    FOREMAN_KEEP_FAILED: '1d',
    FOREMAN_WEBHOOK_SECRET: `${secret},${secret}`,
    FOREMAN_WEBHOOK_URL: 'http://hooks.lan/a?b=c',
    FOREMAN_WEBHOOK_ALLOW: '10.0.0.0/8,hooks.lan,::1',
    FOREMAN_STOP_GRACE: '0',
    FOREMAN_LOG_LEVEL: 'silent',
  })
  expect(config).toEqual({
    target: 'https://gpu.example.org/ollama',
    targetToken: 'sesame,open',
    listen: { host: '0.0.0.0', port: 8080 },
    publicUrl: 'https://foreman.example.org',
    data: '/var/lib/foreman',
    tokens: ['one', 'two'],
    allowAnonymous: true,
    corsOrigins: ['https://chat.example.org', 'app://here'],
    hosts: ['foreman.lan', '10.0.0.7', 'fd00::7'],
    peoplePatience: null,
    patience: 90_000,
    hold: 0,
    yieldMax: null,
    claim: 3_600_000,
    absentHold: 0,
    jobTimeout: 500,
    maxAttempts: 10,
    loadStall: 1_200_000,
    keepAliveAfter: Infinity,
    grace: 10_000,
    wakeMac: 'aa:bb:cc:dd:ee:ff',
    wakeBroadcast: '192.168.1.255',
    queueMax: 5,
    bodyMax: 65_536,
    keepDone: null,
    keepFailed: 86_400_000,
    webhookSecrets: [secret, secret],
    webhookUrl: 'http://hooks.lan/a?b=c',
    webhookAllow: ['10.0.0.0/8', 'hooks.lan', '::1'],
    stopGrace: 0,
    logLevel: 'silent',
  })
})

describe('mistakes', () => {
  test('are none where a shell also tells its callers where foreman is', () => {
    expect(load({ FOREMAN_URL: 'http://127.0.0.1:11435' })).toEqual(load({}))
  })

  test('are reported all at once, each with the variable, what was given and what is accepted', () => {
    const wrong = () =>
      load({
        FOREMAN_PATIENCE: '5 minutes',
        FOREMAN_BODY_MAX: '64',
        FOREMAN_MAX_ATTEMPTS: '11',
        FOREMAN_PATIENSE: '1s',
      })
    expect(wrong).toThrow(
      [
        '4 settings are wrong:',
        '  FOREMAN_PATIENSE is not a setting; accepted: FOREMAN_PATIENCE (did you mean that?)',
        '  FOREMAN_PATIENCE is "5 minutes"; accepted: a duration such as 500ms, 10s, 5m, 2h or 7d, up to 36500d',
        '  FOREMAN_MAX_ATTEMPTS is "11"; accepted: a whole number from 1 to 10',
        '  FOREMAN_BODY_MAX is "64"; accepted: a size from 1KB to 500MB such as 64KB or 64MB (a KB is 1,024 bytes)',
      ].join('\n'),
    )
  })

  const bad: Record<string, string[]> = {
    TARGET: [
      '127.0.0.1:11434',
      'ftp://x',
      'http://',
      'http://h/?a=b',
      'http://h/#x',
      'http://a b',
      'http://-h',
      'http://me:x@h',
      'http://me@h',
      'http://h:0',
      'http://h:70000',
      'http:h',
      ' / ',
    ],
    TARGET_TOKEN: ['two words', 'ä'],
    LISTEN: [
      '::1:80',
      '127.0.0.1',
      'h:70000',
      '[10.0.0.1]:80',
      '1.2.3:80',
      'http://h:80',
      '127.0.0.1:x',
      '-1',
      'h:-1',
      'h:',
    ],
    PUBLIC_URL: [
      'foreman.lan',
      '/jobs',
      'ftp://h',
      'http://h/?a=b',
      'http://h/#x',
      'http://me:x@h',
      'http://h:0',
      'http://0.0.0.0:11435',
      'http://[::]:11435',
    ],
    DATA: ['~', '~/foreman'],
    TOKEN: ['a,,b', ',', 'a b', 'ä', 'a\tb'],
    ALLOW_ANONYMOUS: ['yes', 'true', '2'],
    CORS_ORIGINS: [
      '*',
      'chat.example.org',
      'https://a/b',
      'null',
      'https://*.example.org',
      'https://a:70000',
      'https://a:0',
      'https://me@a',
    ],
    HOSTS: ['a/b', 'a:80', 'http://a', '*', '10.0.0.0/8', 'a b', '-x'],
    PEOPLE_PATIENCE: ['0', '0s', '1h30m', 'never', '10 s', '10S'],
    PATIENCE: ['off', '0', '0d'],
    HOLD: ['off'],
    YIELD_MAX: ['-1', 'never'],
    CLAIM: ['off', '0'],
    ABSENT_HOLD: ['off'],
    JOB_TIMEOUT: ['off', '0s'],
    MAX_ATTEMPTS: ['0', '3.5', 'x', '-1', '11', '1e1'],
    LOAD_STALL: ['off', '0'],
    KEEP_ALIVE_AFTER: ['-2', 'off', 'forever'],
    GRACE: ['off', '0'],
    WAKE_MAC: [
      'aa:bb:cc:dd:ee',
      'aa:bb-cc:dd-ee:ff',
      'ga:bb:cc:dd:ee:ff',
      'ff:ff:ff:ff:ff:ff',
      '01:00:5e:00:00:01',
      '00:00:00:00:00:00',
    ],
    WAKE_BROADCAST: ['lan', '::1', '0.0.0.0', '255.255.255.256', '192.168.1.255:9'],
    QUEUE_MAX: ['0', '-1', '1e5', 'off', '1000000001', '99999999999'],
    BODY_MAX: ['1B', '501MB', '1TB', '0KB', '0', '-1MB', '64'],
    KEEP_DONE: ['0', '0d'],
    KEEP_FAILED: ['0', 'never'],
    STOP_GRACE: ['off'],
    WEBHOOK_SECRET: ['abc', 'whsec_', `whsec_${'A'.repeat(28)}`, `whsec_${'A'.repeat(88)}`, `whsec_${'_'.repeat(32)}`],
    WEBHOOK_URL: ['hooks.lan', 'ftp://h', `http://h/${'x'.repeat(2_048)}`],
    WEBHOOK_ALLOW: ['10.0.0.0/33', '::/129', '10.0.0.0/8/8', 'a b', 'http://h', '300.1.1.1'],
    LOG_LEVEL: ['verbose', 'INFO'],
  }
  // No duration is negative, broken, without a unit, or beyond what Ollama and a calendar can count.
  for (const { name, accepts } of settings)
    if (accepts.startsWith('a duration'))
      (bad[name.replace('FOREMAN_', '')] ??= []).push('-1s', '1.5s', '10', '1e9d', '36501d', '9999999d', '1w')

  test.each(
    Object.entries(bad).flatMap(([name, values]) => values.map((value) => [`FOREMAN_${name}`, value] as const)),
  )('%s does not accept %j', (variable, value) => expect(mistakes({ [variable]: value })).toMatchObject([{ variable }]))

  /** Absurd, or nearly, and still what somebody may mean: how short a wait or a token may be is theirs to say. */
  const odd: Record<string, string[]> = {
    TARGET: ['http://0.0.0.0:11434', 'http://h/v1', 'HTTP://H:80/'],
    TARGET_TOKEN: ['x'],
    LISTEN: ['0', '65535', 'localhost:1'],
    PUBLIC_URL: ['http://localhost', 'https://h/a/b/'],
    DATA: ['.', '/', 'a~', './~', ' a b '],
    TOKEN: ['x', 'a,a', ' padded '],
    CORS_ORIGINS: ['https://a:1,chrome-extension://b'],
    HOSTS: ['localhost', '0.0.0.0', 'under_score'],
    PEOPLE_PATIENCE: ['1ms', '36500d'],
    HOLD: ['0', '36500d'],
    YIELD_MAX: ['0', '1ms'],
    CLAIM: ['1ms'],
    JOB_TIMEOUT: ['1ms', '36500d'],
    KEEP_ALIVE_AFTER: ['0', '1ms', '36500d'],
    QUEUE_MAX: ['1', '1000000000'],
    BODY_MAX: ['1kb', '500MB'],
    KEEP_DONE: ['1ms', '36500d'],
  }
  test.each(
    Object.entries(odd).flatMap(([name, values]) => values.map((value) => [`FOREMAN_${name}`, value] as const)),
  )('%s accepts %j', (variable, value) => expect(mistakes({ [variable]: value })).toEqual([]))

  test('never show a secret, a password or the query of a URL', () => {
    const text = JSON.stringify(
      mistakes({
        FOREMAN_TOKEN: 'hush hush',
        FOREMAN_TARGET_TOKEN: 'hush hush',
        FOREMAN_WEBHOOK_SECRET: 'whsec_hush',
        FOREMAN_TOKN: 'hush',
        FOREMAN_TARGET: 'http://me:hush@h/?hush',
        FOREMAN_WEBHOOK_URL: 'ftp://h/?key=hush',
      }),
    )
    expect(text).toContain('a secret of 9 characters')
    expect(text).not.toContain('hush')
  })

  test('of a target with a password say where that belongs', () => {
    const found = mistakes({ FOREMAN_TARGET: 'http://me:hush@h' })[0]
    expect(found?.accepted).toContain('FOREMAN_TARGET_TOKEN')
    expect(found?.given).toBe('"http://…@h"')
  })

  test('stay on one line whatever was given', () => {
    expect(mistakes({ FOREMAN_PATIENCE: `a\nb${'c'.repeat(900)}` })[0]?.given).toMatch(/^"a\\nbc{100,200}…"$/)
  })

  test('of a name far from every setting point to the list', () => {
    expect(mistakes({ FOREMAN_COLOUR: 'red' })).toEqual([
      { variable: 'FOREMAN_COLOUR', given: 'not a setting', accepted: 'the variables of .env.example and no others' },
    ])
  })
})

describe('a secret in a file', () => {
  const files = (content: string) => (path: string) => (path === '/run/secret' ? content : noFiles(path))

  test('is read without the newline at its end', () => {
    const env = { FOREMAN_TOKEN_FILE: '/run/secret', FOREMAN_TARGET_TOKEN_FILE: '/run/secret' }
    expect(load(env, files('sesame\n'))).toMatchObject({ tokens: ['sesame'], targetToken: 'sesame' })
    // Two for a rotation.
    expect(load({ FOREMAN_TOKEN_FILE: '/run/secret' }, files('old,new\n')).tokens).toEqual(['old', 'new'])
    const secret = `whsec_${Buffer.alloc(64, 7).toString('base64')}`
    expect(load({ FOREMAN_WEBHOOK_SECRET_FILE: '/run/secret' }, files(secret)).webhookSecrets).toEqual([secret])
  })

  test('that is missing, empty or no token is a mistake of the file variable', () => {
    const wrong = (path: string, content: string) => mistakes({ FOREMAN_TOKEN_FILE: path }, files(content))[0]
    expect(wrong('/nowhere', '')?.given).toBe(`"/nowhere", a file that can't be read (ENOENT)`)
    expect(wrong('/run/secret', '\n')?.given).toBe('"/run/secret", an empty file')
    expect(wrong('/run/secret', 'two words')?.given).toBe('a secret of 9 characters')
    expect(wrong('/run/secret', 'two words')?.variable).toBe('FOREMAN_TOKEN_FILE')
  })

  test('beside the same secret in a variable is a mistake', () => {
    expect(mistakes({ FOREMAN_TOKEN: 'a', FOREMAN_TOKEN_FILE: '/run/secret' }, files('b'))).toMatchObject([
      { variable: 'FOREMAN_TOKEN_FILE', given: 'set beside FOREMAN_TOKEN' },
    ])
  })

  test('exists for secrets only', () => {
    expect(mistakes({ FOREMAN_DATA_FILE: '/x' })).toMatchObject([{ given: 'not a setting' }])
  })
})

describe('settings that contradict each other', () => {
  test('a receiver of webhooks takes a secret to sign them', () => {
    const receiver = { FOREMAN_WEBHOOK_URL: 'https://hooks.lan/?key=hush' }
    const found = mistakes(receiver)
    expect(found).toMatchObject([{ variable: 'FOREMAN_WEBHOOK_URL' }])
    expect(JSON.stringify(found)).not.toContain('hush')
    const secret = `whsec_${Buffer.alloc(24, 7).toString('base64')}`
    expect(mistakes({ ...receiver, FOREMAN_WEBHOOK_SECRET: secret })).toEqual([])
    expect(mistakes({ ...receiver, FOREMAN_WEBHOOK_SECRET: 'x' })).toMatchObject([
      { variable: 'FOREMAN_WEBHOOK_SECRET' },
    ])
  })

  test('a receiver of webhooks over plain http is a host that may be called', () => {
    const secret = `whsec_${Buffer.alloc(24, 7).toString('base64')}`
    const receiver = { FOREMAN_WEBHOOK_URL: 'http://hooks.lan/?key=hush', FOREMAN_WEBHOOK_SECRET: secret }
    const found = mistakes(receiver)
    expect(found).toMatchObject([{ variable: 'FOREMAN_WEBHOOK_URL' }])
    expect(JSON.stringify(found)).not.toContain('hush')
    expect(mistakes({ ...receiver, FOREMAN_WEBHOOK_ALLOW: '10.0.0.0/8' })).toEqual([])
  })

  test('listening beyond loopback takes a token or a plain word', () => {
    for (const listen of ['0.0.0.0:1', ':1', '[::]:1', '10.0.0.1:1', 'foreman.lan:1']) {
      expect(mistakes({ FOREMAN_LISTEN: listen })).toMatchObject([{ variable: 'FOREMAN_LISTEN' }])
      expect(mistakes({ FOREMAN_LISTEN: listen, FOREMAN_TOKEN: 'a' })).toEqual([])
      expect(mistakes({ FOREMAN_LISTEN: listen, FOREMAN_ALLOW_ANONYMOUS: '1' })).toEqual([])
    }
    for (const listen of ['127.9.9.9:1', '[::1]:1', '[::ffff:127.0.0.1]:1', 'localhost:1', '1']) {
      expect(mistakes({ FOREMAN_LISTEN: listen })).toEqual([])
    }
  })

  test('a token that is itself a mistake is not called missing as well', () => {
    expect(mistakes({ FOREMAN_LISTEN: ':1', FOREMAN_TOKEN_FILE: '/nowhere' })).toMatchObject([
      { variable: 'FOREMAN_TOKEN_FILE' },
    ])
  })

  test('the target must not be foreman itself', () => {
    const both = (listen: string, target: string) => mistakes({ FOREMAN_LISTEN: listen, FOREMAN_TARGET: target }).length
    expect(both('127.0.0.1:11434', 'http://localhost:11434')).toBe(1)
    expect(both('[::1]:80', 'http://127.0.0.1')).toBe(1)
    expect(both('127.0.0.1:11434', 'http://0.0.0.0:11434')).toBe(1)
    expect(both('127.0.0.1:11434', 'http://[::]:11434')).toBe(1)
    expect(both('127.0.0.1:11434', 'http://192.0.2.1:11434')).toBe(0)
    expect(both('127.0.0.1:11435', 'http://127.0.0.1:11434')).toBe(0)
  })
})

describe('a browser origin', () => {
  test('is compared as browsers write it', () => {
    const given = 'HTTPS://Chat.example.org:443,http://a:80,http://b:8080,https://bücher.example,app://Here'
    expect(load({ FOREMAN_CORS_ORIGINS: given }).corsOrigins).toEqual([
      'https://chat.example.org',
      'http://a',
      'http://b:8080',
      'https://xn--bcher-kva.example',
      'app://here',
    ])
  })
})

describe('the public URL', () => {
  test('is not the target', () => {
    const url = 'https://ollama.example.org/'
    expect(mistakes({ FOREMAN_TARGET: url, FOREMAN_PUBLIC_URL: url })).toMatchObject([
      { variable: 'FOREMAN_PUBLIC_URL' },
    ])
    expect(mistakes({ FOREMAN_TARGET: `${url}ollama`, FOREMAN_PUBLIC_URL: url })).toEqual([])
  })

  test('follows where foreman listens when it is not set', () => {
    expect(load({ FOREMAN_LISTEN: '[::1]:9' }).publicUrl).toBe('http://[::1]:9')
    expect(load({ FOREMAN_LISTEN: ':9', FOREMAN_TOKEN: 'a' }).publicUrl).toBe('http://127.0.0.1:9')
  })

  test('is unknown before listening when the system picks the port', () => {
    expect(load({ FOREMAN_LISTEN: '0' }).publicUrl).toBeNull()
  })
})

describe('.env.example', () => {
  const lines = readFileSync(new URL('../.env.example', import.meta.url), 'utf8').split('\n')

  test('has every setting once, commented out with its default, below one line of meaning', () => {
    const rows = lines.flatMap((line, at) => (/^#?[A-Z_]+=/.test(line) ? [[lines[at - 1], line]] : []))
    expect(rows).toEqual(settings.map((row) => [`# ${row.meaning}`, `#${row.name}=${row.fallback}`]))
  })

  test('says how a secret for webhooks is made', () => {
    const made = lines.flatMap((line) => /^# signs webhooks.*: (echo .*)$/.exec(line)?.[1] ?? [])
    expect(made).toHaveLength(1)
    const FOREMAN_WEBHOOK_SECRET = execFileSync('sh', ['-c', made[0]!], { encoding: 'utf8' }).trim()
    expect(load({ FOREMAN_WEBHOOK_SECRET }).webhookSecrets).toEqual([FOREMAN_WEBHOOK_SECRET])
  })

  test('changes nothing when all of it is uncommented', () => {
    const text = lines.map((line) => line.replace(/^#(?=[A-Z_]+=)/, '')).join('\n')
    const env = parseEnv(text)
    expect(Object.keys(env).length).toBe(settings.length)
    expect(loadConfig(env, noFiles)).toEqual(load())
  })
})
