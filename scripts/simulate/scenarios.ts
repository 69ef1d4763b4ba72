// The situations that are simulated, each a world that has been run. Milliseconds.
import { Dice } from './dice.ts'
import type { Policy } from './policies.ts'
import { minute, second, type WorldOptions } from './setting.ts'
import { World } from './world.ts'

/** Is shown its world before anything happens in it. */
export type Made = (world: World) => void

export const four = ['a', 'b', 'c', 'd']
const work = (dice: Dice) => dice.between(5, 25) * second

/** A hundred jobs over four models at once: loads of 20 s, work of 15 s on average. */
export function jobsAtOnce(policy: Policy, seed: number, patience: number, made?: Made): World {
  const dice = new Dice(seed)
  const world = new World({ policy, limits: { patience } })
  made?.(world)
  for (let i = 0; i < 100; i++) world.post(i, dice.pick(four), work(dice))
  return world.run()
}

/** Four hundred jobs, one every 24 s on average. */
export function steadyJobs(policy: Policy, seed: number, patience: number, made?: Made): World {
  const dice = new Dice(seed)
  const world = new World({ policy, limits: { patience } })
  made?.(world)
  let at = 0
  for (let i = 0; i < 400; i++) world.post((at += dice.waiting(24 * second)), dice.pick(four), work(dice))
  return world.run()
}

/** Four hundred jobs, one every 17 s on average, 85 % of them for one model. */
export function hotModel(policy: Policy, seed: number, patience: number, made?: Made): World {
  const dice = new Dice(seed)
  const world = new World({ policy, limits: { patience } })
  made?.(world)
  let at = 0
  for (let i = 0; i < 400; i++) {
    const key = dice.next() < 0.85 ? 'a' : dice.pick(['b', 'c', 'd'])
    world.post((at += dice.waiting(17 * second)), key, work(dice))
  }
  return world.run()
}

/** Sixty jobs of four seconds for one model, two values of num_ctx in turn. */
export function twoSizes(policy: Policy): World {
  const world = new World({ policy })
  for (let i = 0; i < 60; i++) world.post(i, i % 2 === 0 ? 'a num_ctx=2048' : 'a num_ctx=8192', 4 * second)
  return world.run()
}

/** A hundred jobs at once before a target that sleeps from the fifth minute on, for an hour. */
export function asleep(policy: Policy): World {
  const dice = new Dice(1)
  const world = new World({ policy })
  for (let i = 0; i < 100; i++) world.post(i, dice.pick(four), work(dice))
  world.away(5 * minute, 65 * minute)
  return world.run()
}

/** A hundred people at once over four models. */
export function peopleAtOnce(options: WorldOptions, seed: number, load: number, takes: number): World {
  const dice = new Dice(seed)
  const world = new World({ ...options, load: () => load })
  for (let i = 0; i < 100; i++) world.ask(i, dice.pick(four), takes)
  return world.run()
}

/** A client that asks again, `think` after it was answered, until `until`. */
export function hot(
  world: World,
  key: string,
  takes: () => number,
  more: { from?: number; until: number; think?: () => number; patience?: number },
): void {
  const { from = 0, until, think = () => 0, patience } = more
  const again = () => {
    const at = world.clock.now() + think()
    if (world.clock.now() < until)
      world.ask(at, key, takes(), { after: again, ...(patience === undefined ? {} : { patience }) })
  }
  world.clock.at(from, again)
}

/** Two clients hammer one model for ten minutes; somebody asks once for another. */
export function oneCaller(options: WorldOptions, load: number, takes: number): World {
  const world = new World({ ...options, load: () => load })
  for (const from of [0, 100]) hot(world, 'a', () => takes, { from, until: 10 * minute })
  world.ask(90 * second, 'b', takes)
  return world.run()
}

/** Clients on two models who ask again after 0.2 s, for an hour; answers of 5 s. */
export function twoModels(options: WorldOptions, clients: number, load: number): World {
  const world = new World({ ...options, load: () => load })
  for (const key of ['a', 'b']) {
    for (let i = 0; i < clients; i++)
      hot(world, key, () => 5 * second, { from: i * 100, until: 60 * minute, think: () => 200 })
  }
  return world.run()
}

/** One person asks every 20 to 60 s while 200 jobs of ten seconds wait for two other models. */
export function personAndJobs(options: WorldOptions, load: number): World {
  const dice = new Dice(7)
  const world = new World({ ...options, load: () => load })
  const ask = () => {
    if (!world.jobsLeft && world.clock.now() >= minute) return
    world.ask(world.clock.now(), 'a', 8 * second)
    world.clock.at(world.clock.now() + dice.between(20, 60) * second, ask)
  }
  world.clock.at(0, ask)
  for (let i = 0; i < 200; i++) world.post(5 * second, i % 2 === 0 ? 'b' : 'c', 10 * second)
  return world.run()
}

/** A random configuration, as those of the reference model are drawn; what fits is known from the start unless not. */
export function drawn(seed: number, knows = true) {
  const dice = new Dice(seed)
  const keys = 'abcdef'.slice(0, dice.whole(2, 6)).split('')
  const room = dice.pick([1, 1, 1, 2, 3])
  const parallel = dice.pick([1, 4])
  const longest = dice.pick([1, 5, 20, 60]) * second
  const sizes = new Map(keys.map((key) => [key, room === 1 ? 1 : dice.pick([1, 1, 2])]))
  const loads = new Map(keys.map((key) => [key, longest * dice.between(0.3, 1)]))
  const [answer, job] = [dice.pick([2, 10, 60]) * second, dice.pick([5, 30, 120]) * second]
  const limits = {
    peoplePatience: dice.pick([2, 10, 30]) * second,
    patience: dice.pick([30, 120, 300]) * second,
    hold: dice.pick([0, 10, 30]) * second,
    yieldMax: dice.pick([0, 60, 300, 900, null]),
    claim: 2 * minute,
  }
  if (limits.yieldMax !== null) limits.yieldMax *= second
  const lag = dice.pick([0, 0, 0.5, 2]) * second
  const world = new World({
    limits,
    room,
    parallel,
    lag,
    size: (key) => sizes.get(key)!,
    load: (key) => loads.get(key)!,
    ...(knows ? { learnt: keys } : {}),
  })
  const end = dice.pick([600, 1800]) * second
  const takes = (most: number) => dice.between(0.1, 1) * most
  for (let n = dice.whole(0, 6); n > 0; n--) {
    const pause = dice.pick([0, 3, 60]) * second
    const patience = dice.pick([Infinity, Infinity, 15 * second])
    hot(world, dice.pick(keys), () => takes(answer), {
      from: dice.between(0, end),
      until: end,
      think: () => dice.between(0, pause),
      patience,
    })
  }
  for (let n = dice.whole(0, 4); n > 0; n--) {
    const [at, only] = [dice.between(0, end), dice.pick([...keys, '*'])]
    for (let i = dice.whole(1, 20); i > 0; i--) {
      const patience = dice.pick([Infinity, Infinity, 15 * second])
      world.ask(at + dice.between(0, 5) * second, only === '*' ? dice.pick(keys) : only, takes(answer), { patience })
    }
  }
  for (let n = dice.pick([0, 0, 1, 3]); n > 0; n--) {
    const at = dice.between(0, end)
    for (let i = dice.whole(1, 30); i > 0; i--) world.post(at, dice.pick(keys), takes(job))
  }
  return { world: world.run(), load: Math.max(...loads.values()), job, lag }
}
