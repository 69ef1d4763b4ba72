// A job as a row of a table: state, model, place in the queue, expected end, speed, and how far it is.

import type { Job, Outputs } from '../api.ts'
import type { Colors } from './output.ts'
import { ahead, duration, tokens } from './quantity.ts'
import type { Column } from './table.ts'

type Planned = Outputs['queue']['plan']['data'][number]

export interface JobRow {
  id: string
  state: string
  model: string
  position: string
  eta: string
  speed: string
  progress: string
}

const styles: Record<string, keyof Colors> = {
  loading: 'yellow',
  working: 'cyan',
  done: 'green',
  failed: 'red',
  canceled: 'dim',
}

export const jobColumns: readonly Column<JobRow>[] = [
  { title: 'ID', cell: ({ id }) => id },
  { title: 'STATE', cell: ({ state }) => state, style: (text, { state }, colors) => styled(text, state, colors) },
  { title: 'MODEL', cell: ({ model }) => model },
  { title: 'POS', cell: ({ position }) => position, right: true },
  { title: 'ETA', cell: ({ eta }) => eta },
  { title: 'TOK/S', cell: ({ speed }) => speed, right: true },
  { title: 'PROGRESS', cell: ({ progress }) => progress },
]

/** The end of an id, by which those of one day differ. */
export function shortId(id: string): string {
  return `…${id.slice(-7)}`
}

/** `now` in milliseconds. */
export function rowOfJob(job: Job, now: number): JobRow {
  const { id, state, request, position, eta } = job
  return {
    id,
    state,
    model: request.model,
    position: position === undefined ? '' : String(position),
    eta: eta && state === 'queued' ? ahead(eta.finish_at ?? eta.start_at, now) : '',
    speed: speedOf(job)?.toFixed(1) ?? '',
    progress: progressOf(job, now),
  }
}

export function rowOfPlanned({ id, model, position, loads, start_at, finish_at }: Planned, now: number): JobRow {
  const end = finish_at ?? start_at
  return {
    id,
    state: 'queued',
    model,
    position: String(position),
    eta: end === undefined ? '' : ahead(end, now),
    speed: '',
    progress: loads ? 'needs a load' : '',
  }
}

function speedOf({ progress, usage }: Job): number | undefined {
  if (progress) return progress.tokens_per_s
  return usage?.output_tokens && usage.output_ms ? usage.output_tokens / (usage.output_ms / 1000) : undefined
}

/** How far it is: why it waits, what it has made, or how it ended. */
export function progressOf(job: Job, now: number): string {
  const { state, reason, progress, usage, error, retry_at, loading_at, working_at } = job
  const since = (moment: string | null) => (moment === null ? '' : duration(now - Date.parse(moment)))
  if (state === 'queued') return retry_at ? `again ${ahead(retry_at, now)}` : (reason?.replaceAll('_', ' ') ?? '')
  if (state === 'loading') return since(loading_at)
  if (state === 'working') return [progress && tokens(progress.tokens), since(working_at)].filter(Boolean).join(', ')
  if (state === 'failed') return error?.code ?? ''
  return usage?.output_tokens === undefined ? '' : tokens(usage.output_tokens)
}

/** As it came into its state, with how long it was in the one before: the same while it happens and told again later. */
export function rowOnArrival(job: Job): JobRow {
  const { state, queued_at, loading_at, working_at, finished_at } = job
  const moments = [queued_at, loading_at, working_at, finished_at].flatMap((at) =>
    at === null ? [] : [Date.parse(at)],
  )
  const [before, arrived = 0] = moments.length > 1 ? moments.slice(-2) : [undefined, moments[0]]
  const row = rowOfJob(job, arrived)
  const took = before === undefined ? '' : `after ${duration(arrived - before)}`
  const progress = state === 'loading' || state === 'working' ? '' : row.progress
  return { ...row, progress: [progress, took].filter(Boolean).join(', ') }
}

function styled(text: string, state: string, colors: Colors): string {
  const style = styles[state]
  return style === undefined ? text : (colors[style] as (text: string) => string)(text)
}
