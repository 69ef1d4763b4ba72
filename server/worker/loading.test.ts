import { expect, test } from 'vitest'
import { VirtualClock } from '../clock.ts'
import { unknownRoom } from '../job/room.ts'
import type { JobRow } from '../store/jobs.ts'
import { Loading, type LoadingOptions } from './loading.ts'

const stall = 600_000

/** Lets what was resolved be seen. */
const seen = () => new Promise<void>((resolve) => setImmediate(resolve))

/** A target whose answers are given by the test, as a load began; since then two runners are in its memory. */
async function watched() {
  const clock = new VirtualClock()
  const [probe, look, load] = [
    Promise.withResolvers<void>(),
    Promise.withResolvers<void>(),
    Promise.withResolvers<boolean>(),
  ]
  const told: string[] = []
  const listed = new Set<string>()
  const target = {
    absent: false,
    capacity: { room: unknownRoom, withdrawn() {} },
    cloud: () => false,
    runnerKey: (key: string) => key,
    residentKeys: () => new Set<string>(),
    listedKeys: () => listed,
    lookAnew: async () => {},
    probe: () => probe.promise,
    look: () => look.promise,
    preload: () => load.promise,
    unload: async (key: string) => void told.push(`unload ${key}`),
  }
  const loading = new Loading({
    target: target as unknown as LoadingOptions['target'],
    people: { strangers: 0, crowds: [] } as unknown as LoadingOptions['people'],
    clock,
    loadStall_ms: stall,
    slowestLoad: () => 0,
    onHung: () => told.push('hung'),
    onHealed: () => told.push('healed'),
  })
  const row = { key: 'a', endpoint: '/api/chat' } as unknown as JobRow
  const wanted = { resident: false, signal: new AbortController().signal, onStuck: () => told.push('stuck') }
  const brought = loading.bring(row, wanted)
  await seen()
  listed.add('a').add('b')
  return { clock, probe, look, load, told, brought }
}

test.each(['probe', 'look'] as const)('a load that goes through during the %s is not cured', async (moment) => {
  const { clock, load, told, brought, ...questions } = await watched()
  clock.advance(stall)
  if (moment === 'look') questions.probe.resolve()
  await seen()
  load.resolve(true)
  await brought
  questions.probe.resolve()
  questions.look.resolve()
  await seen()
  clock.advance(2 * stall)
  expect(told).toEqual([])
})

test('a load that hangs is cured once, and said to be stuck when that did not help', async () => {
  const { clock, probe, look, load, told, brought } = await watched()
  clock.advance(stall)
  probe.resolve()
  look.resolve()
  await seen()
  expect(told).toEqual(['hung', 'unload a', 'unload b'])
  clock.advance(stall)
  load.resolve(true)
  await brought
  expect(told.slice(3)).toEqual(['stuck', 'healed'])
})
