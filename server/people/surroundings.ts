// What people's lane sees of the others: of the target, and of the lane of jobs.
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
  | 'residentKeys'
  | 'runnerKey'
  | 'shown'
  | 'state'
  | 'unload'
> & { capacity: Pick<Capacity, 'forwarded' | 'room' | 'withdrawn'> }

/** What the jobs' lane does to people's. */
export interface Jobs {
  /** Key of the job that is loading or working. */
  running: string | null
  /** Key that jobs claimed a turn for. */
  claim: string | null
}
