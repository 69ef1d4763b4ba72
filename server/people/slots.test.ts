import { describe, expect, it } from 'vitest'
import { VirtualClock } from '../clock.ts'
import { Scenery } from './people.harness.ts'
import { People } from './people.ts'

const traveller = { forward: () => {}, refuse: () => {} }

/** A target with `a` in memory, before which callers of `a` come and leave. */
function open() {
  const clock = new VirtualClock()
  const target = new Scenery()
  target.resident.add('a')
  const hung: [string, boolean][] = []
  const onHung = (key: string, vain: boolean) => hung.push([key, vain])
  const people = new People({ clock, target, patience: 10_000, absentHold: 0, slowestLoad: () => 0, onHung })
  const arrive = () => people.arrive('a', traveller)
  const leaveAnswer = () => {
    const ticket = arrive()
    ticket.answered()
    ticket.release(true)
  }
  /** A caller who hears nothing for so long and leaves. */
  const wait = (ms: number) => {
    const ticket = arrive()
    clock.advance(ms)
    ticket.release(true)
  }
  return { clock, target, people, hung, arrive, leaveAnswer, wait }
}

describe('a slot that Ollama lost as an answer was left', () => {
  it('is found out by callers who give up a minute of silence, and its runner is told to go', () => {
    const { target, hung, leaveAnswer, wait } = open()
    leaveAnswer()
    wait(59_999)
    expect(target.unloaded).toEqual([])
    wait(1)
    expect([target.unloaded, hung]).toEqual([['a'], [['a', true]]])
  })

  it('is told again a minute of silence later, as those who waited all the same have kept its runner', () => {
    const { target, leaveAnswer, wait } = open()
    leaveAnswer()
    wait(60_000)
    wait(59_999)
    expect(target.unloaded).toEqual(['a'])
    wait(1)
    expect(target.unloaded).toEqual(['a', 'a'])
  })
})

describe('a long prompt is no lost slot', () => {
  it('where no answer was left in the middle, or one has begun since', () => {
    const { target, arrive, leaveAnswer, wait } = open()
    wait(120_000)
    leaveAnswer()
    wait(30_000)
    const ticket = arrive()
    ticket.answered()
    ticket.release()
    wait(120_000)
    expect(target.unloaded).toEqual([])
  })

  it('where its answer ends, however late, or its connection fails', () => {
    const { clock, target, arrive, leaveAnswer } = open()
    leaveAnswer()
    const ticket = arrive()
    clock.advance(120_000)
    ticket.release()
    expect(target.unloaded).toEqual([])
  })

  it('where its caller waits for a load, or for a job', () => {
    const { target, people, leaveAnswer, wait } = open()
    leaveAnswer()
    target.resident.clear()
    wait(120_000)
    target.resident.add('a')
    people.jobs({ running: 'a', claim: null })
    wait(120_000)
    expect(target.unloaded).toEqual([])
  })
})
