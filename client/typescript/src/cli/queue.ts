// plan and status: what is expected to run when, and the queue and its target at a glance.

import type { Outputs } from '../api.ts'
import { exit } from './failure.ts'
import { jobColumns, rowOfPlanned, shortId } from './job-row.ts'
import type { Colors } from './output.ts'
import { printable } from './printable.ts'
import { ahead, duration, size } from './quantity.ts'
import type { Session } from './session.ts'
import { table } from './table.ts'

type Queue = Outputs['queue']['get']
type Target = Outputs['target']['get']

export async function plan({ caller, output, signal }: Session, limit: number): Promise<number> {
  const planned = await caller.foreman.queue.plan({ limit }, { signal })
  const now = Date.now()
  const { data, jobs, loads, waiting, finish_at } = planned
  output.result(planned, (colors) =>
    table(
      jobColumns,
      data.map((entry) => rowOfPlanned(entry, now)),
      colors,
    ),
  )
  const end = finish_at === undefined ? '' : `, done ${ahead(finish_at, now)}`
  output.note(waiting === 0 ? 'nothing waits' : `${jobs} of ${waiting} waiting jobs planned, ${loads} loads${end}`)
  return exit.ok
}

export async function status({ caller, output, signal }: Session): Promise<number> {
  const { foreman } = caller
  const [queue, target] = await Promise.all([foreman.queue.get({ signal }), foreman.target.get({ signal })])
  // Whatever reads a pipe has room, and wants the id.
  const room = output.terminal ? output.size.columns : Infinity
  output.result({ queue, target }, (colors) => [...queueLines(queue, colors, room), ...targetLines(target, colors)])
  return exit.ok
}

/** The first lines of `status` and of `watch`. In few columns the id of what runs is its end, by which ids differ. */
export function queueLines(
  { states, paused, running, turn, reason, people, oldest_wait_ms }: Queue,
  colors: Colors,
  columns: number,
): string[] {
  const counts = Object.entries(states).filter(([, count]) => count > 0)
  const now = [
    paused ? colors.yellow('paused') : undefined,
    reason === undefined || reason === 'paused' ? undefined : `waits: ${reason.replaceAll('_', ' ')}`,
    running === undefined
      ? undefined
      : `runs ${columns < 120 ? shortId(running) : running}${turn ? ` (${printable(turn.model)})` : ''}`,
    oldest_wait_ms === undefined ? undefined : `oldest waits ${duration(oldest_wait_ms)}`,
  ].filter((part) => part !== undefined)
  return [
    `${colors.dim('queue ')}  ${counts.map(([state, count]) => `${count} ${state}`).join(', ') || 'empty'}`,
    ...(now.length > 0 ? [`${colors.dim('now   ')}  ${now.join(', ')}`] : []),
    `${colors.dim('people')}  ${people.in_flight} in flight, ${people.held} held`,
  ]
}

function targetLines({ url, state, since, version, models, loaded }: Target, colors: Colors): string[] {
  const shade = state === 'awake' ? colors.green : colors.yellow
  const memory = loaded.map(({ model, size_bytes }) => `${printable(model)} (${size(size_bytes)})`)
  return [
    `${colors.dim('target')}  ${printable(url)} ${shade(state)} for ${duration(Date.now() - Date.parse(since))}` +
      (version === undefined ? '' : `, Ollama ${printable(version)}`),
    `${colors.dim('models')}  ${models.length}, in memory: ${memory.join(', ') || 'none'}`,
  ]
}
