import { expect, test } from 'vitest'
import type { Turn } from '../job/schedule.ts'
import { Turns } from './turns.ts'

/** Turns of a target on which `digest` is the runner of jobs for `alpha`, and what they told. */
function open() {
  const told: unknown[] = []
  const turns = new Turns({
    spelled: (key) => (key === 'digest' ? 'alpha' : key),
    onTurn: (key) => told.push(['turn', key]),
    onTurnOver: ({ key, ms }) => told.push(['over', key, ms]),
    onYield: (yielding, reason) => told.push(['yield', yielding, reason]),
    onClaim: (key) => told.push(['claim', key]),
  })
  return { turns, told }
}

const start = (key: string, turn: Turn | null, yielding: number | null = null) =>
  ({ act: 'start', key, place: 1, turn, yielding }) as const

test('a turn has the name that its jobs have, whatever runs in a gap of it', () => {
  const { turns, told } = open()
  const turn = { key: 'digest', since: 10 }
  turns.follow(start('digest', turn), 10)
  turns.follow(start('beta', turn, 20), 20)
  expect(turns.told).toEqual({ turn: { key: 'alpha', since: 10, claimed: false }, claim: null, yielding: 20 })
  turns.follow(start('gamma', { key: 'gamma', since: 30 }), 30)
  turns.end(50)
  expect(told).toEqual([
    ['turn', 'alpha'],
    ['yield', true, null],
    ['over', 'alpha', 20],
    ['turn', 'gamma'],
    ['yield', false, null],
    ['over', 'gamma', 20],
  ])
})

test('a claim is told by the name of its jobs, and its turn ends once', () => {
  const { turns, told } = open()
  turns.follow({ act: 'claim', key: 'digest' }, 10)
  expect(turns.told).toEqual({ turn: null, claim: { key: 'alpha', since: 10 }, yielding: null })
  turns.follow(start('digest', { key: 'digest', since: 20, claimed: true }), 20)
  turns.follow({ act: 'unclaim', turn: { key: 'digest', since: -Infinity } }, 30)
  expect(turns.told).toEqual({ turn: null, claim: null, yielding: null })
  turns.end(40)
  expect(told).toEqual([
    ['claim', 'alpha'],
    ['turn', 'alpha'],
    ['over', 'alpha', 10],
    ['claim', null],
  ])
})

test('a turn that goes on while a claim waits for people is not what was claimed', () => {
  const { turns } = open()
  turns.follow(start('beta', { key: 'beta', since: 5 }), 5)
  turns.follow({ act: 'claim', key: 'digest' }, 10)
  expect(turns.told).toMatchObject({ turn: { key: 'beta', claimed: false }, claim: { key: 'alpha' } })
  turns.follow(start('digest', { key: 'digest', since: 20, claimed: true }), 20)
  expect(turns.told).toMatchObject({ turn: { key: 'alpha', claimed: true }, claim: { key: 'alpha' } })
})

test('jobs that step aside no longer say what they wait for instead', () => {
  const { turns, told } = open()
  turns.follow({ act: 'wait', reason: 'yielding_to_people', until: null, yielding: 10 }, 10)
  turns.follow({ act: 'wait', reason: 'target_down', until: null, yielding: null }, 20)
  expect(told).toEqual([
    ['yield', true, 'yielding_to_people'],
    ['yield', false, 'target_down'],
  ])
})
