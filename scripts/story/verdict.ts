// What must be true at the end of the day, one finding for each. Pure.

import { firstComeLoads } from '../../server/job/runners.ts'
import { handed, identities, promises, told } from '../storm/verdict.ts'
import type { Books } from './books.ts'
import type { Chronicle } from './chronicle.ts'
import { longest } from './mac.ts'
import { longer, touches } from './span.ts'
import { claimsIn, clockTime, idleUnexplained, logTells, packetsWanted, reasonsTrue } from './waits.ts'

/** Everything that is known of the day. */
export interface Evidence {
  chronicle: Pick<Chronicle, keyof Chronicle>
  books: Books
  /** Loads that draining avoided, by foreman's own count. */
  avoided: number
}

export interface Finding {
  what: string
  /** How much of it there was. */
  figures: string
  faults: string[]
}

const MB = 1024 * 1024
export const memoryLimit = 150 * MB
/** FOREMAN_CLAIM, and FOREMAN_HOLD. */
const claim_ms = 120_000
const hold_ms = 60_000
/** A job that runs may have begun with a load. */
const job_ms = longest.load + longest.job
/** From the end of a cause until foreman acts on it, and from a question to its way. */
const slack_ms = 5_000
/** Loads of the first hours, in which all jobs come at once, as a share of those in the order of arrival. */
const loadsAtMost = 1 / 3
const night_ms = 6 * 3_600_000

export function verdict(evidence: Evidence): Finding[] {
  return [
    jobs(evidence),
    webhooks(evidence),
    artifacts(evidence),
    refusals(evidence),
    ...waits(evidence),
    people(evidence),
    pauses(evidence),
    loads(evidence),
    memory(evidence),
    {
      what: 'nothing went wrong on the way',
      figures: '',
      faults: [...evidence.chronicle.wrong, ...complaints(evidence)],
    },
  ]
}

/** Whoever got a 202 has a job that is done, or has failed as the script wanted. */
function jobs({ chronicle: { errands }, books }: Evidence): Finding {
  const faults = [...books.damage, ...promises({ orders: errands, receipts: [], uploads: [], disk: books })]
  for (const { n, fails } of errands) {
    const code = books.failures.get(n)
    if (code !== fails) faults.push(`job ${n} ${code ? `failed with ${code}` : `did not fail with ${fails}`}`)
  }
  const { length } = errands.filter(({ ids }) => ids.size > 0)
  if (length !== errands.length) faults.push(`${errands.length - length} jobs were never taken`)
  const done = books.jobs.filter(({ state }) => state === 'done').length
  const figures = `${length} acknowledged, ${done} done, ${books.failures.size} failed as they had to`
  return { what: 'every job that was acknowledged came to its end', figures, faults }
}

/** Each event that was asked for came under one id, signed, and twice only if foreman died before it knew. */
function webhooks({ chronicle: { errands, receipts, kills }, books }: Evidence): Finding {
  const faults = [
    ...told({ orders: errands, receipts, uploads: [], disk: books }),
    ...identities(receipts),
    ...receipts.flatMap(({ wrong }) => wrong ?? []),
    ...['pending', 'gave_up'].flatMap((state) =>
      books.deliveries[state] ? [`${books.deliveries[state]} deliveries are ${state}`] : [],
    ),
  ]
  const byId = Map.groupBy(receipts, ({ id }) => id)
  for (const [id, all] of byId) {
    const times = all.filter(({ accepted }) => accepted).map(({ at }) => at)
    for (let i = 1; i < times.length; i++)
      if (!kills.some((at) => at >= times[i - 1]! && at <= times[i]!)) faults.push(`${id} was taken and came again`)
  }
  const figures = `${byId.size} events in ${receipts.length} requests`
  return { what: 'each webhook was delivered once, by its id, and signed', figures, faults }
}

function artifacts({ chronicle: { errands, uploads }, books }: Evidence): Finding {
  const wrong = uploads.flatMap((upload) => upload.wrong ?? [])
  const faults = [...handed({ orders: errands, receipts: [], uploads, disk: books }), ...wrong]
  return { what: 'each artifact was put whole, with its digest', figures: `${uploads.length} requests`, faults }
}

/** A submit was refused because the disk was full or foreman stopped, with words that say so, and for nothing else. */
function refusals({ chronicle: { refusals, spans } }: Evidence): Finding {
  const because = (cause: 'full' | 'gone', status: number, words: RegExp) =>
    refusals.filter((one) => one.status === status && words.test(one.text) && touches(spans[cause], one.at))
  const full = because('full', 507, /the job was not stored/)
  const stopping = because('gone', 503, /stop/)
  const faults = refusals
    .filter((one) => !full.includes(one) && !stopping.includes(one))
    .map(({ at, status, text }) => `${clockTime(at)} a submit was answered ${status} ${text}`)
  if (spans.full.length > 0 && full.length === 0) faults.push('the disk was full and nobody was refused')
  const figures = `${full.length} for the full disk, ${stopping.length} by a foreman that stopped`
  return { what: 'submits were refused with a reason, and came again', figures, faults }
}

function waits({ chronicle, books }: Evidence): Finding[] {
  const { samples, packets, log } = chronicle
  const looked = samples.reduce((sum, { waiting }) => sum + waiting.length, 0)
  return [
    {
      what: 'every waiting job said why, and it was so',
      figures: `${looked} reasons in ${samples.length} looks`,
      faults: reasonsTrue(chronicle),
    },
    {
      what: 'nothing waited for nothing',
      figures: `${books.waits.length} waits`,
      faults: idleUnexplained(chronicle, books.waits),
    },
    {
      what: 'the log says why anything waited',
      figures: `${log.length} lines`,
      faults: logTells(chronicle, books.waits),
    },
    {
      what: 'the Mac was woken only for who waited',
      figures: `${packets.length} packets, ${chronicle.spans.asleep.length} sleeps`,
      faults: packetsWanted(chronicle, books.waits),
    },
  ]
}

/** Everybody is answered, and waits at most for the job that runs, its load included, and a load; or for a claim besides. */
function people({ chronicle }: Evidence): Finding {
  const { answers, works, spans, log } = chronicle
  const claims = longer(claimsIn(log), slack_ms)
  const begun = new Map(works.filter(({ what }) => what === 'person').map(({ label, from }) => [label, from]))
  let most = 0
  let claimed = 0
  const faults = answers.flatMap(({ label, asked, status, whole }) => {
    const from = begun.get(label)
    if (status !== 200 || !whole || from === undefined) return [`${clockTime(asked)} ${label} was answered ${status}`]
    const waited = from - asked
    const met = touches(claims, asked, from)
    const asleep = touches(spans.asleep, asked)
    if (met) claimed = Math.max(claimed, waited)
    else most = Math.max(most, waited)
    const bound = job_ms + longest.load + slack_ms + (met ? claim_ms + job_ms : 0) + (asleep ? longest.wake : 0)
    if (waited <= bound) return []
    const meanwhile = works.filter((work) => touches([work], asked, from)).map(({ what, label }) => `${what} ${label}`)
    return [`${clockTime(asked)} ${label} waited for ${seconds(waited)} s: ${meanwhile.join(', ')}`]
  })
  const figures = `${answers.length} answers, the longest wait ${seconds(most)} s, ${seconds(claimed)} s at one of ${claims.length} claims`
  return { what: 'people waited for a running job and a load at most', figures, faults }
}

/** While a person pauses no job pushes out the model, unless it has claimed a turn. */
function pauses({ chronicle: { works, spans, log } }: Evidence): Finding {
  const claims = longer(claimsIn(log), slack_ms)
  const faults = works
    .filter(({ what, from }) => what === 'load' && !touches(spans.people, from) && !touches(claims, from))
    .filter(({ from }) => spans.people.some(({ to }) => to <= from && from - to < hold_ms - slack_ms))
    .map(({ from, model }) => `${clockTime(from)} ${model} was loaded while a person paused`)
  return { what: 'jobs left the model of a conversation alone', figures: `${spans.people.length} pauses`, faults }
}

const seconds = (ms: number) => Math.round(ms / 1000)

function loads({ chronicle: { works }, books: { arrivals }, avoided }: Evidence): Finding {
  const until = (arrivals[0]?.at ?? 0) + night_ms
  const all = works.filter(({ what }) => what === 'load')
  const inNight = all.filter(({ from }) => from < until).length
  const inOrder = (some: typeof arrivals) =>
    firstComeLoads(
      some.map(({ model }) => model),
      1,
    )
  const expected = inOrder(arrivals.filter(({ at }) => at < until))
  const faults = inNight <= expected * loadsAtMost ? [] : ['that saves too little']
  const figures =
    `${inNight} of the first night, in the order of arrival ${expected}; ` +
    `${all.length} of the whole day, people's among them, in the order of arrival ${inOrder(arrivals)}; ` +
    `avoided by foreman's own count ${avoided}`
  return { what: 'draining saved loads', figures, faults }
}

/** It is measured at the end; on the way there may be more for a while. */
function memory({ chronicle: { memory, requests } }: Evidence): Finding {
  const megabytes = (bytes: number) => `${(bytes / MB).toFixed(0)} MB`
  const rss = memory.at(-1)?.bytes ?? Infinity
  const peak = memory.toSorted((a, b) => b.bytes - a.bytes)[0]
  const most = peak ? `, at most ${megabytes(peak.bytes)} at ${clockTime(peak.at)}` : ''
  const served = Object.values(requests).reduce((sum, count) => sum + count, 0)
  const faults = rss <= memoryLimit ? [] : [`${megabytes(rss)} where ${megabytes(memoryLimit)} are the limit`]
  const figures = `${megabytes(rss)} after ${served} requests${most}`
  return { what: `foreman holds no more than ${megabytes(memoryLimit)} at the end`, figures, faults }
}

/** Errors in the log that nothing in the script has caused. */
function complaints({ chronicle: { log, spans } }: Evidence): string[] {
  const full = longer(spans.full, slack_ms * 2)
  return log
    .filter(({ level, at }) => level >= 50 && !touches(full, at))
    .map((line) => `${clockTime(line.at)} the log has an error: ${JSON.stringify(line)}`)
}
