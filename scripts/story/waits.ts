// Whether every wait is explained: what foreman says of each waiting job, against what the script knows; what the target
// did, against when it had nothing to do although jobs waited; and what the log tells of all that. Pure; answers one line
// for each thing that is not so.

import type { Wait } from './books.ts'
import type { Cause, Chronicle, Said, Sample } from './chronicle.ts'
import type { Line } from './life.ts'
import { longer, touches, union, without, type Span } from './span.ts'

type Known = Pick<Chronicle, 'spans' | 'works' | 'samples' | 'log'>

const second = 1000
const minute = 60 * second

/** How much longer than its cause each kind of wait may be: until foreman knows, or has made sure. */
const after: Record<Cause, number> = {
  // Two good probes.
  asleep: 10 * second,
  down: 10 * second,
  gone: 5 * second,
  paused: 2 * second,
  // What was refused is written again every five seconds.
  full: 10 * second,
  // FOREMAN_HOLD.
  people: minute + 2 * second,
  busy: 0,
  out: 0,
}

/** What was on a target that was away is left alone for so long before anything else is loaded (worker/aftermath.ts). */
const aftermath_ms = 15 * second
/** The target may do nothing for so long between two jobs. */
const between_ms = 5 * second
/** How long foreman may take to notice what has come about. */
const notice_ms = 20 * second

export const clockTime = (at: number) => new Date(at).toISOString().slice(11, 19)

/** Every waiting job that was looked at said why, and that was so. */
export function reasonsTrue(known: Known): string[] {
  return known.samples.flatMap((sample) =>
    sample.waiting.flatMap((said) => {
      const untrue = whyUntrue(said, sample, known)
      return untrue === undefined
        ? []
        : [`${clockTime(sample.at)} ${said.id} says ${said.reason ?? 'nothing'}, but ${untrue}`]
    }),
  )
}

function whyUntrue({ id, model, reason }: Said, { at, waiting, running }: Sample, known: Known): string | undefined {
  const { spans, works } = known
  const lately = (cause: Cause) => touches(spans[cause], at - after[cause] - second, at)
  const steadily = (cause: Cause) => spans[cause].some(({ from, to }) => from <= at - notice_ms && to >= at)
  const unless = (so: boolean, otherwise: string) => (so ? undefined : otherwise)
  const away = ['target_asleep', 'target_down', 'paused', 'backing_off', 'storage_failing']
  if (steadily('paused') && reason !== 'paused') return 'the queue is paused'
  if ((steadily('asleep') || steadily('down')) && !away.includes(reason ?? '')) return 'the target is away'
  switch (reason) {
    case 'target_asleep':
      return unless(lately('asleep'), 'it is awake')
    case 'target_down':
      return unless(lately('down'), 'it is not down')
    case 'paused':
      return unless(lately('paused'), 'nobody paused')
    case 'storage_failing':
      return unless(lately('full'), 'the disk has room')
    case 'yielding_to_people':
      return unless(lately('people'), 'no person was there')
    case 'backing_off':
      return unless(lately('busy'), 'the target has refused nothing')
    case 'draining_another_model': {
      const others = works.filter((work) => work.model !== model)
      // The one that runs may be the last of its turn.
      const next = waiting.some((other) => other.model !== model && other.reason === 'next')
      return unless(next || touches(others, at - between_ms, at), 'no other model has its turn')
    }
    case 'behind_others': {
      const others = waiting.some((other) => other.model === model && other.id !== id && other.reason === 'next')
      return unless(others || running === model, 'no other job of its model is before it')
    }
    case 'next': {
      const others = waiting.some((other) => other.id !== id && other.reason === 'next')
      return unless(!others, 'another is next as well')
    }
    default:
      return unless(reason === undefined && lately('gone'), 'that explains nothing')
  }
}

/** Stretches in which jobs waited, the target had nothing to do, and nothing that the script brought about was in the way. */
export function idleUnexplained({ spans, works }: Known, waits: readonly Wait[]): string[] {
  const causes = Object.entries(spans) as [Cause, Span[]][]
  const explained = causes.flatMap(([cause, all]) =>
    cause === 'out' ? [] : longer(all, after[cause] + (cause === 'asleep' || cause === 'down' ? aftermath_ms : 0)),
  )
  return without(waits, [...works, ...explained])
    .filter(({ from, to }) => to - from > between_ms)
    .map(({ from, to }) => `${clockTime(from)} jobs waited for ${Math.round((to - from) / second)} s for nothing`)
}

/** How the line begins that says what jobs wait for. */
const lines: Partial<Record<Cause, string>> = {
  asleep: 'the target is asleep',
  down: 'the target is down',
  paused: 'the queue is paused',
  full: 'the store refuses writes',
  people: 'jobs step aside for people',
}

/** Whatever alone made jobs wait, for longer than it takes to notice, is in the log; and what is there has come about. */
export function logTells({ spans, works, log }: Known, waits: readonly Wait[]): string[] {
  const found: string[] = []
  for (const [cause, line] of Object.entries(lines) as [Cause, string][]) {
    const told = log.filter(({ msg }) => msg.startsWith(line))
    const known = union(longer(spans[cause], after[cause]))
    const others = Object.entries(spans).filter(([other]) => other !== cause && other !== 'out') as [Cause, Span[]][]
    const waited = without(waits, [...works, ...others.flatMap(([other, all]) => longer(all, after[other]))])
    for (const { from, to } of known) {
      const alone = waited.some((wait) => Math.min(wait.to, to) - Math.max(wait.from, from) > notice_ms)
      if (alone && !touches(told.map(moment), from - second, to))
        found.push(`${clockTime(from)} jobs waited, and no line says "${line}"`)
    }
    for (const { at } of told)
      if (!touches(known, at - second, at + second)) found.push(`${clockTime(at)} the log says "${line}": it is not so`)
  }
  return found
}

const moment = ({ at }: { at: number }): Span => ({ from: at, to: at })

/** Packets went out only to a target that was away, while somebody waited for it. */
export function packetsWanted(known: Known & Pick<Chronicle, 'packets'>, waits: readonly Wait[]): string[] {
  const { spans, packets } = known
  const absent = longer([...spans.asleep, ...spans.down], after.asleep)
  const wanted = longer([...waits, ...spans.people], second)
  return packets
    .filter((at) => !touches(absent, at) || !touches(wanted, at))
    .map((at) => `${clockTime(at)} a Wake-on-LAN packet went out for nobody`)
}

/** From when to when jobs had claimed a turn from people, by the log. */
export function claimsIn(log: readonly Line[]): Span[] {
  const claims: Span[] = []
  for (const { at, msg } of log) {
    const last = claims.at(-1)
    if (msg === 'jobs claim a turn') claims.push({ from: at, to: Infinity })
    else if (msg === 'the claim is over' && last) last.to = Math.min(last.to, at)
  }
  return claims
}
