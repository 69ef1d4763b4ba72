// What people's requests have to know of jobs: which runner a job uses now, and which one jobs have claimed.

import type { Target } from '../ollama/target.ts'
import type { People } from '../people/people.ts'
import type { JobRow } from '../store/jobs.ts'
import type { Keeper } from '../store/keeper.ts'
import type { Turns } from './turns.ts'

export interface NoticeOptions {
  people: Pick<People, 'jobs'>
  target: Pick<Target, 'cloud' | 'runnerKey'>
  turns: Pick<Turns, 'claim'>
  keeper: Pick<Keeper, 'failing'>
  /** The job that is loading or working. */
  running: () => Pick<JobRow, 'key'> | null
}

export class Notice {
  readonly #options: NoticeOptions

  constructor(options: NoticeOptions) {
    this.#options = options
  }

  /** To be called when a job starts or ends, a claim does, the disk refuses writes or takes them again, or names change. */
  tell(): void {
    const { people, target, turns, keeper } = this.#options
    const row = this.#options.running()
    // While a write is kept, before a load or with the answer in hand, nothing of the job is on the target: a disk that is
    // full for hours must hold nobody.
    // A cloud model uses nothing here at all.
    if (keeper.failing || (row && target.cloud(row.key))) return people.jobs({ running: null, claim: null })
    const running = row && target.runnerKey(row.key)
    // Only the key that claimed starts under its claim: the two are spelled the same.
    people.jobs({ running, claim: turns.claim && (running ?? turns.claim) })
  }
}
