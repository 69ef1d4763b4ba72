// For tests: what the pure rules decide about, as far as a test does not say otherwise. No part of the running foreman.
import type { Crowd } from './admit.ts'
import { unknownRoom } from './room.ts'
import type { Snapshot } from './schedule.ts'

/** A runner that nobody asks for. */
export const crowd = (key: string, facts: Partial<Crowd> = {}): Crowd => ({
  key,
  flight: 0,
  sentSince: Infinity,
  held: 0,
  heldSince: Infinity,
  admitted: -Infinity,
  used: -Infinity,
  turn: undefined,
  load_ms: 0,
  ...facts,
})

/** An idle foreman in front of an empty target. Each key in memory is a runner of its own. */
export const snapshot = (facts: Partial<Snapshot> = {}): Snapshot => ({
  now: 1000,
  keys: [],
  resident: new Set(),
  listed: facts.resident ?? new Set(),
  turn: null,
  people: [],
  strangers: 0,
  room: unknownRoom,
  yielding: null,
  claim: null,
  claimedAt: null,
  target: 'awake',
  paused: false,
  limits: { patience: 300, peoplePatience: 10, hold: 60, yieldMax: 900, claim: 120 },
  ...facts,
})
