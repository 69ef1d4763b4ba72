// The tables about people: what holding is worth to them, and to the jobs beside them. The reference is what a model in another
// language, by other hands, said of the same scenarios.
import { alone } from './policies.ts'
import { four, oneCaller, peopleAtOnce, personAndJobs, twoModels } from './scenarios.ts'
import { markdown, mean, share } from './table.ts'
import { minute, second, type WorldOptions } from './setting.ts'
import type { World } from './world.ts'

const direct: WorldOptions = { policy: alone, limits: { peoplePatience: null } }
const seconds = (ms: number) => (ms / second).toFixed(0)

export function peopleTables(): string {
  return [burst(), caller(), contention(), beside()].join('\n\n')
}

function burst(): string {
  const reference: Record<number, string> = { 5: '572, 220', 20: '1687, 280', 60: '4961, 740' }
  const rows = [
    [5, 2],
    [20, 2],
    [60, 5],
  ].map(([load = 0, takes = 0]) => {
    const cell = (options: WorldOptions) => {
      const all = Array.from({ length: 20 }, (_, seed) => peopleAtOnce(options, seed, load * second, takes * second))
      return `${mean(all.map(({ ollama }) => ollama.loads)).toFixed(1)} / ${seconds(mean(all.map(({ end }) => end)))}`
    }
    return [
      `${load} s, ${takes} s`,
      String(4 * load + 100 * takes),
      cell(direct),
      cell({}),
      cell({ learnt: four }),
      reference[load]!,
    ]
  })
  return markdown(
    [
      '100 people at once, 4 models: load, answer',
      'ideal s',
      'direct: loads / s',
      'nothing known',
      'learnt',
      'reference: direct, here',
    ],
    rows,
  )
}

function caller(): string {
  const reference: Record<number, string> = { 5: '518, 18', 20: '542, 38', 60: '590, 110' }
  const rows = [
    [5, 2],
    [20, 8],
    [60, 20],
  ].map(([load = 0, takes = 0]) => {
    const waited = (options: WorldOptions) =>
      seconds(oneCaller(options, load * second, takes * second).waits(true, 'b')[0] ?? Infinity)
    return [`${load} s, ${takes} s`, waited(direct), waited({}), reference[load]!]
  })
  return markdown(
    [
      'one caller beside two hot clients of another model: load, answer',
      'waits, direct s',
      'here s',
      'reference: direct, here',
    ],
    rows,
  )
}

function contention(): string {
  const reference: Record<string, string> = {
    '1 20': '351 / 51 % / 60',
    '1 60': '337 / 53 % / 182',
    '3 20': '435 / 41 % / 80',
    '3 60': '387 / 50 % / 200',
  }
  const rows = [
    [1, 20],
    [1, 60],
    [3, 20],
    [3, 60],
  ].map(([clients = 0, load = 0]) => {
    const cell = (options: WorldOptions) => {
      const world = twoModels(options, clients, load * second)
      const waits = world.waits(true)
      return `${waits.length} / ${((100 * world.ollama.loadTime) / (60 * minute)).toFixed(0)} % / ${seconds(waits.at(-1) ?? 0)}`
    }
    return [`${clients}, ${load} s`, cell(direct), cell({}), reference[`${clients} ${load}`]!]
  })
  return markdown(
    [
      'clients a model, load: answers in an hour / share of it loading / longest wait s',
      'direct',
      'here',
      'reference, here',
    ],
    rows,
  )
}

function beside(): string {
  const variants: [string, WorldOptions][] = [
    ['direct', direct],
    ['H=0', { limits: { hold: 0 } }],
    ['**H=60, Y=15, C=2 min**', {}],
    ['H=60, Y=5, C=2 min', { limits: { yieldMax: 5 * minute } }],
  ]
  const reference: Record<number, readonly string[]> = {
    5: ['205 / 11 19 19 / 189', '196 / 11 17 19 / 192', '37 / 0 83 128 / 39', '37 / 0 104 122 / 96'],
    20: ['365 / 39 75 90 / 62', '340 / 27 46 50 / 65', '41 / 0 99 139 / 35', '41 / 0 117 138 / 86'],
    60: ['401 / 127 214 237 / 22', '401 / 64 124 130 / 22', '69 / 0 137 180 / 21', '69 / 6 154 178 / 50'],
  }
  const rows = [5, 20, 60].flatMap((load) =>
    variants.map(([name, options], i) => [
      `${load} s`,
      name,
      told(personAndJobs(options, load * second)),
      reference[load]![i]!,
    ]),
  )
  return markdown(
    [
      'one person each 20-60 s, 200 jobs: load',
      'rule',
      'loads / her wait p50 p95 longest s / jobs an hour',
      'reference',
    ],
    rows,
  )
}

function told(world: World): string {
  const waits = world.waits(true)
  const last = Math.max(...world.told.map(({ people, end = 0 }) => (people ? 0 : end)))
  const [p50, p95, longest] = [0.5, 0.95, 1].map((at) => seconds(share(waits, at)))
  return `${world.ollama.loads} / ${p50} ${p95} ${longest} / ${((200 * 60 * minute) / last).toFixed(0)}`
}
