// The tables about jobs: what each rule costs and how long it lets wait.
import { drain, fifo, oldestFirst, promote, type Policy } from './policies.ts'
import { asleep, hotModel, jobsAtOnce, steadyJobs, twoSizes } from './scenarios.ts'
import { markdown, mean, share } from './table.ts'
import { minute, second } from './setting.ts'
import type { World } from './world.ts'

export const seeds = 30

export interface Rule {
  name: string
  /** Some look at when a job was queued, which only its world knows. */
  policy: (queuedAt: (place: number) => number) => Policy
  patience: number
}

const always = (policy: Policy) => () => policy
export const rules: readonly Rule[] = [
  { name: 'order of arrival', policy: always(fifo), patience: 5 * minute },
  { name: 'oldest first when overdue (300 s)', policy: oldestFirst, patience: 5 * minute },
  { name: 'pure drain', policy: always(drain), patience: 5 * minute },
  { name: '**promote, P = 300 s**', policy: always(promote), patience: 5 * minute },
  { name: 'promote, P = 600 s', policy: always(promote), patience: 10 * minute },
]

/** The same scenario under a rule, once for each seed. */
export function worlds(scenario: typeof jobsAtOnce, rule: Rule): World[] {
  return Array.from({ length: seeds }, (_, seed) => {
    let world: World | undefined
    const policy = rule.policy((place) => world?.queuedAt(place) ?? Infinity)
    return scenario(policy, seed, rule.patience, (made) => (world = made))
  })
}

/** Loads by scheduling figures that were published before the simulation was; the distribution of work is not on record. */
const published: Record<string, readonly [burst: string, steady: string, hot: string]> = {
  'order of arrival': ['73.6 / 49.2', '298', '110'],
  'oldest first when overdue (300 s)': ['55.7 / 43.3', '195', '89'],
  'pure drain': ['4.0 / 26.0', '160', '44.5'],
  '**promote, P = 300 s**': ['6.9 / 27.0', '160', '52.5'],
  'promote, P = 600 s': ['4.0 / 26.0', '160', '48.0'],
}

const loads = (all: readonly World[]) => mean(all.map(({ ollama }) => ollama.loads)).toFixed(1)
const wait = (all: readonly World[], at: number) =>
  (mean(all.map((world) => share(world.waits(false), at))) / second).toFixed(0)

export function jobsTables(): string {
  const rows = rules.map((rule) => {
    const [burst, steady, hot] = [jobsAtOnce, steadyJobs, hotModel].map((scenario) => worlds(scenario, rule)) as [
      World[],
      World[],
      World[],
    ]
    const [knownBurst, knownSteady, knownHot] = published[rule.name]!
    const makespan = (mean(burst.map(({ end }) => end)) / minute).toFixed(1)
    return [
      rule.name,
      `${loads(burst)} / ${makespan} / ${wait(burst, 1)}`,
      knownBurst,
      `${loads(steady)} / ${wait(steady, 0.5)} / ${wait(steady, 1)}`,
      knownSteady,
      `${loads(hot)} / ${wait(hot, 0.95)} / ${wait(hot, 1)}`,
      knownHot,
    ]
  })
  const head = [
    'rule',
    'burst of 100: loads / makespan min / longest wait s',
    'reference',
    'steady, 1 each 24 s: loads / p50 / longest s',
    'reference, loads',
    'one hot model (85 %): loads / p95 / longest s',
    'reference, loads',
  ]
  const others = [
    [
      '60 jobs of one model, two `num_ctx` in turn',
      String(twoSizes(fifo).ollama.loads),
      String(twoSizes(promote).ollama.loads),
    ],
    [
      '100 jobs over 4 models, the target asleep for an hour',
      String(asleep(fifo).ollama.loads),
      String(asleep(promote).ollama.loads),
    ],
  ]
  return `${markdown(head, rows)}\n\n${markdown(['also', 'loads in the order of arrival', 'loads with promote'], others)}`
}
