// What people's lane sees of the others: of the target, and of the lane of jobs.
import type { Clock } from '../clock.ts'
import type { Capacity } from '../ollama/capacity.ts'
import type { Target } from '../ollama/target.ts'

/** What people's requests stand before. */
export type Surroundings = Pick<
  Target,
  | 'absent'
  | 'blind'
  | 'cloud'
  | 'demand'
  | 'expect'
  | 'heard'
  | 'listedKeys'
  | 'lookAnew'
  | 'probe'
  | 'reading'
  | 'residentKeys'
  | 'runnerKey'
  | 'shown'
  | 'state'
  | 'unload'
  | 'word'
> & { capacity: Pick<Capacity, 'forwarded' | 'room' | 'withdrawn'> }

/** What the jobs' lane does to people's. */
export interface Jobs {
  /** Key of the job that is loading or working. */
  running: string | null
  /** Key that jobs claimed a turn for. */
  claim: string | null
}

/** What the lane of people is built from, and whom it tells. */
export interface PeopleOptions {
  clock: Clock
  target: Surroundings
  /** Pp, milliseconds; null never holds anybody for another's sake. */
  patience: number | null
  /** So long a request waits for an absent target. */
  absentHold: number
  /** The slowest load of a runner that was seen; 0: none. */
  slowestLoad: (key: string) => number
  /** A request came, went to the target or ended. */
  onChange?: () => void
  /** A runner was loaded for people; `ms` is at most how long that took. */
  onLoad?: (facts: { key: string; ms: number }) => void
  /** People have this runner now, which jobs had before, or nobody; its key as they spell it. */
  onTurn?: (name: string) => void
  /** So many are held; `absent`: for the target. Told after each decision, whether it is another number or not. */
  onHolding?: (held: number, absent: boolean) => void
  /** A request was held for so long before it went. */
  onHeld?: (ms: number) => void
  /** The target hangs on letting this runner go, or lets its callers wait in vain, and is told to let it go. */
  onHung?: (key: string, vain: boolean) => void
  /** After that it went. */
  onHealed?: (key: string) => void
}
