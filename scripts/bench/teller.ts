// A foreman that notes when its commits are on disk, so that it is known how long what they owe takes to its receiver.

import Database from 'better-sqlite3'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import pino from 'pino'
import { startApp } from '../../server/app.ts'
import { loadConfig } from '../../server/config.ts'
import { answer, ready } from './answers.ts'

/** Milliseconds of the machine's own clock at which the event of this sequence was on disk. */
export type Commits = [sequence: number, at: number][]

/** What owes something to receivers here. */
type Label = 'submit' | 'finish'

let noted: Record<Label, number[]> = { submit: [], finish: [] }

const config = loadConfig(process.env, (path) => readFileSync(path, 'utf8'))
const { url } = await startApp({
  config,
  log: pino({ level: 'silent' }),
  owner: process.pid,
  fault: (point) => {
    const [label, moment] = point.split(':')
    if (moment === 'after') noted[label as Label]?.push(Number(process.hrtime.bigint()) / 1e6)
  },
})
const reader = new Database(join(config.data, 'foreman.db'), { readonly: true })
const last = reader.prepare<[Label, number], { seq: number }>(
  'SELECT seq FROM event WHERE happening = ? ORDER BY seq DESC LIMIT ?',
)

answer({
  /** From now on. */
  note: () => void (noted = { submit: [], finish: [] }),
  /** Of each commit since then; every one of them must have had one event. */
  commits: (label: Label): Commits => {
    const moments = noted[label]
    const events = last.all(label, moments.length).toReversed()
    return events.map(({ seq }, i) => [seq, moments[i]!])
  },
})
ready(Number(new URL(url).port))
