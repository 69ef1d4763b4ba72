// The steps of a trail as frames of an event stream. What many readers are told is the same object to all of them, so
// its frame is written once and shared.

import type { StateEvent } from '../queue/history.ts'
import type { Batch } from '../worker/output.ts'
import type { Step } from './trail.ts'

/** Larger lines are not copied into a frame. */
const copiedBytes = 256 * 1024

const states = new WeakMap<StateEvent, Buffer[]>()
const outputs = new WeakMap<Batch, Buffer[]>()
const entries = new WeakMap<StateEvent, Buffer[]>()

/** How long a browser waits before it connects again. Said once, at the start. */
export const retry = Buffer.from('retry: 2000\n\n')
/** What is sent so that nobody on the way takes the connection for dead. */
export const comment = Buffer.from(':\n\n')
const restart = [Buffer.from('event: restart\ndata: {}\n\n')]

/** A step of one job's trail. */
export function frameOf(step: Step): readonly Buffer[] {
  switch (step.event) {
    case 'state':
      return once(states, step.state, ({ sequence, job }) => text(`${sequence}-0`, 'state', job))
    case 'output':
      return once(outputs, step.batch, framed)
    case 'restart':
      // Without an id: who is cut right after it is told so again.
      return restart
    case 'end':
      return text(`${step.sequence}-1`, 'end', { state: step.state })
  }
}

/** A state event among those of all jobs. */
export function entryOf(state: StateEvent): readonly Buffer[] {
  return once(entries, state, ({ sequence, job }) => text(String(sequence), 'state', job))
}

/** What the reader knows is out of date; it goes on from here. */
export function resetAt(sequence: number): readonly Buffer[] {
  return text(String(sequence), 'reset', { sequence })
}

/** An id without an event: where a reader that has seen none yet goes on. */
export function placeAt(sequence: number): Buffer {
  return Buffer.from(`id: ${sequence}\n\n`)
}

function once<K extends object>(known: WeakMap<K, Buffer[]>, key: K, make: (key: K) => Buffer[]): Buffer[] {
  const found = known.get(key) ?? make(key)
  known.set(key, found)
  return found
}

function text(id: string, event: string, data: object): Buffer[] {
  return [Buffer.from(`id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`)]
}

const end = Buffer.from('\n\n')

function framed({ sequence, from, lines }: Batch): Buffer[] {
  const parts = lines.flatMap((line, i) => [
    Buffer.from(`id: ${sequence}-${from + i + 1}\nevent: output\ndata: `),
    dataOf(line),
    end,
  ])
  const size = parts.reduce((sum, part) => sum + part.length, 0)
  return size > copiedBytes ? parts : [Buffer.concat(parts, size)]
}

/** A carriage return ends a line of an event stream. In JSON it can only stand where any white space may. */
function dataOf(line: Buffer): Buffer {
  return line.includes(0x0d) ? Buffer.from(line.toString().replaceAll('\r', '\ndata: ')) : line
}
