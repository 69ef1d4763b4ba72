import { describe, expect, it } from 'vitest'
import { VirtualClock } from '../clock.ts'
import { Scenery } from './people.harness.ts'
import { People } from './people.ts'

/** What goes on without anybody's doing has gone on. */
const settled = () => new Promise((resolve) => setImmediate(resolve))

/** A target with `a` in memory, before which callers of `a` come and leave. */
function open({ slowestLoad = 0 } = {}) {
  const clock = new VirtualClock()
  const target = new Scenery()
  target.resident.add('a')
  const told: string[] = []
  const people = new People({
    clock,
    target,
    patience: 10_000,
    absentHold: 60_000,
    slowestLoad: () => slowestLoad,
    onHung: (key, vain) => told.push(`${key} ${vain ? 'in vain' : 'hangs'}`),
    onHealed: (key) => told.push(`${key} healed`),
  })
  const sent: string[] = []
  const arrive = (key?: string) =>
    people.arrive(key, { forward: () => sent.push(key ?? '?'), refuse: () => sent.push(`no ${key}`) })
  const leaveAnswer = () => {
    const ticket = arrive('a')
    ticket.answered()
    ticket.release(true)
  }
  /** A caller who hears nothing for so long and leaves. */
  const wait = async (ms: number, key = 'a') => {
    const ticket = arrive(key)
    clock.advance(ms)
    ticket.release(true)
    await settled()
  }
  /** Two in a row have given up: the runner is asked for a word. */
  const doubt = async () => {
    leaveAnswer()
    await wait(60_000)
    expect(target.words).toHaveLength(1)
  }
  const pass = async (ms: number) => {
    clock.advance(ms)
    await settled()
  }
  return { clock, target, people, told, sent, arrive, leaveAnswer, wait, doubt, pass }
}

describe('a runner is asked for a word', () => {
  it('when callers gave up a minute of silence, one after the other, since an answer was left', async () => {
    const { target, leaveAnswer, wait } = open()
    leaveAnswer()
    await wait(30_000)
    await wait(29_999)
    expect(target.words).toHaveLength(0)
    await wait(1)
    expect(target.words).toHaveLength(1)
  })

  it('when nobody is known to have left an answer, for the second who gives up', async () => {
    const { target, wait } = open()
    await wait(120_000)
    expect(target.words).toHaveLength(0)
    await wait(60_000)
    expect(target.words).toHaveLength(1)
  })

  it('when a client that had stopped reading has left', async () => {
    const { clock, target, arrive, wait } = open()
    const ticket = arrive('a')
    ticket.answered()
    ticket.stalled(true)
    clock.advance(30_000)
    ticket.release(true)
    await wait(60_000)
    expect(target.words).toHaveLength(1)
  })

  it('but not when an answer has begun since, nor for one that ended or failed, however late', async () => {
    const { clock, target, arrive, leaveAnswer, wait } = open()
    leaveAnswer()
    await wait(30_000)
    const answered = arrive('a')
    answered.answered()
    answered.release()
    await wait(120_000)
    const failed = arrive('a')
    clock.advance(120_000)
    failed.release()
    expect(target.words).toHaveLength(0)
  })

  it('but not for those who waited for a load, for a job, for a stranger or for the target', async () => {
    const { clock, target, people, arrive, leaveAnswer, wait } = open()
    leaveAnswer()
    target.resident.clear()
    await wait(50_000)
    target.resident.add('a')
    await wait(59_999)
    const waits = arrive('a')
    clock.advance(120_000)
    people.jobs({ running: 'a', claim: null })
    waits.release(true)
    people.jobs({ running: null, claim: null })
    const stranger = arrive()
    await wait(120_000)
    stranger.release()
    const asleep = arrive('a')
    clock.advance(120_000)
    target.absent = true
    asleep.release(true)
    await settled()
    expect(target.words).toHaveLength(0)
  })

  it('only once nobody else has a request in flight for it', async () => {
    const { target, arrive, leaveAnswer, wait } = open()
    leaveAnswer()
    const other = arrive('a')
    await wait(120_000)
    expect(target.words).toHaveLength(0)
    other.release(true)
    await settled()
    expect(target.words).toHaveLength(1)
  })

  it('but not while a client keeps it that has stopped reading', async () => {
    const { clock, target, arrive, wait } = open()
    const slow = arrive('a')
    slow.answered()
    slow.stalled(true)
    clock.advance(30_000)
    await wait(60_000)
    await wait(60_000)
    expect(target.words).toHaveLength(0)
    slow.release()
    await wait(0)
    expect(target.words).toHaveLength(1)
  })

  it.each([
    [
      'another answer',
      ({ arrive, leaveAnswer }: ReturnType<typeof open>) => {
        const other = arrive('a')
        other.answered()
        other.release()
        leaveAnswer()
      },
    ],
    [
      'a job that has ended since',
      ({ people, clock }: ReturnType<typeof open>) => {
        people.jobs({ running: 'a', claim: null })
        clock.advance(59_999)
        people.jobs({ running: null, claim: null })
      },
    ],
    ['the one who left first', ({ arrive }: ReturnType<typeof open>) => arrive('a').release(true)],
  ])('but not for the time that they waited for %s', async (_, others) => {
    const all = open()
    all.leaveAnswer()
    const waits = all.arrive('a')
    all.clock.advance(60_000)
    others(all)
    all.clock.advance(59_999)
    waits.release(true)
    await settled()
    expect(all.target.words).toHaveLength(0)
  })

  it('but not for the time that they waited for its load, which has ended since', async () => {
    const { clock, target, people, arrive, leaveAnswer } = open()
    leaveAnswer()
    target.resident.clear()
    const waits = arrive('a')
    clock.advance(120_000)
    target.resident.add('a')
    people.looked()
    clock.advance(59_999)
    waits.release(true)
    await settled()
    expect(target.words).toHaveLength(0)
  })

  it('but not if it went with who left', async () => {
    const { clock, target, arrive, leaveAnswer } = open()
    leaveAnswer()
    const last = arrive('a')
    clock.advance(60_000)
    target.lookAnew = async () => target.resident.clear()
    last.release(true)
    await settled()
    expect(target.words).toHaveLength(0)
  })
})

describe('a runner that says its word', () => {
  it('is left alone, however slow it was, and whoever came for it goes', async () => {
    const { target, people, told, sent, arrive, doubt, pass } = open()
    await doubt()
    sent.length = 0
    arrive('a')
    await pass(59_999)
    expect([people.held, sent]).toEqual([1, []])
    target.words[0]?.resolve()
    await settled()
    expect([people.held, sent, target.unloaded, told]).toEqual([0, ['a'], [], []])
  })

  it('is asked again only after two more and another minute', async () => {
    const { target, doubt, wait } = open()
    await doubt()
    target.words[0]?.resolve()
    await settled()
    await wait(120_000)
    expect(target.words).toHaveLength(1)
    await wait(60_000)
    expect(target.words).toHaveLength(2)
  })

  it('has twice as long for it as it ever took to load', async () => {
    const { target, doubt, pass } = open({ slowestLoad: 50_000 })
    await doubt()
    await pass(99_999)
    expect(target.unloaded).toEqual([])
    await pass(1)
    expect(target.unloaded).toEqual(['a'])
  })
})

describe('a runner that owes even a word', () => {
  it('is told to go, and whoever came meanwhile goes once it is gone', async () => {
    const { target, told, sent, arrive, doubt, pass } = open()
    await doubt()
    sent.length = 0
    arrive('a')
    await pass(60_000)
    expect([target.unloaded, told, sent]).toEqual([['a'], ['a in vain'], []])
    target.resident.delete('a')
    await pass(100)
    expect([told, sent]).toEqual([['a in vain', 'a healed'], ['a']])
  })

  it('holds up nobody for longer than half a minute if it stays', async () => {
    const { target, told, sent, arrive, doubt, pass } = open()
    await doubt()
    sent.length = 0
    arrive('a')
    for (let i = 0; i < 901; i++) await pass(100)
    expect([told, sent]).toEqual([['a in vain'], ['a']])
    expect(target.unloaded.length).toBeGreaterThan(1)
  })
})

describe('nobody waits for a word', () => {
  it.each([
    [
      'who needs another runner',
      ({ arrive, target }: ReturnType<typeof open>) => {
        arrive('b')
        target.resident.add('b')
      },
    ],
    ['whose model cannot be told', ({ arrive }: ReturnType<typeof open>) => void arrive()],
    ['of the jobs', ({ people }: ReturnType<typeof open>) => people.jobs({ running: 'b', claim: null })],
    [
      'when the target is away',
      ({ people, target }: ReturnType<typeof open>) => {
        target.absent = true
        people.decide()
      },
    ],
    ['when foreman ends', ({ people }: ReturnType<typeof open>) => people.close()],
  ])('%s', async (_, come) => {
    const all = open()
    await all.doubt()
    come(all)
    await all.pass(120_000)
    expect([all.target.words.length, all.told, all.target.unloaded]).toEqual([1, [], []])
  })

  it('who needs a runner that is there', async () => {
    const { target, sent, arrive, doubt } = open()
    target.resident.add('b')
    await doubt()
    arrive('b')
    expect(sent.at(-1)).toBe('b')
  })

  it('and a job of that runner is told of the doubt', async () => {
    const { people, doubt } = open()
    await doubt()
    people.jobs({ running: 'a', claim: null })
    expect(people.handOver('a')).toBe(true)
  })
})
