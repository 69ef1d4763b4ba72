// Ollama hangs for ever (ollama#17408) when a runner is to go for another, and a request with keep_alive for that runner comes
// before it is idle. Over random interleavings of foreman's own requests that never happens. Everything is real but time and the
// target, which imitates the hang; where foreman is made careless these interleavings do find it (docs/adr/0020).
import { expect, test } from 'vitest'
import { openForeman } from './app.harness.ts'
import { Dice, interleave } from './app.interleave.ts'
import { turns } from './app.stage.ts'
import { until, VirtualClock } from './clock.ts'

/** More of them by `INTERLEAVINGS=10000 npx vitest run server/app.hang.test.ts`. */
const interleavings = Number(process.env.INTERLEAVINGS ?? 60)
const seed = Number(process.env.SEED ?? 1 + (Date.now() % 1_000_000))
/** One takes an eighth of a second alone on two cores, and longer beside others. */
const limit_ms = interleavings * 800
/** So many one after the other have one foreman and one target. */
const together = 20

/** So many interleavings on a target of random size; how many hangs were found. */
async function hangs(dice: Dice, count: number): Promise<number> {
  const clock = new VirtualClock()
  const lasting = (ms: number) => (ms === 0 ? 0 : until(clock, clock.now() + ms, new AbortController().signal))
  const foreman = await openForeman({
    clock,
    random: () => 0.5,
    settings: {
      PATIENCE: dice.of('50ms', '5m'),
      HOLD: '0s',
      LOAD_STALL: '60s',
      KEEP_ALIVE_AFTER: dice.of('', '0', '10m', '-1'),
    },
    fake: {
      room: dice.of(1, 2),
      parallel: dice.of(1, 4),
      keepAliveMs: dice.of(300, 300_000),
      loadMs: () => lasting(dice.of(0, 50, 200)),
      promptMs: () => lasting(dice.of(0, 1_000, 3_000)),
      noticeMs: () => lasting(dice.of(0, 3_000, 10_000)),
    },
  })
  await foreman.app.target.refresh()
  const over = new AbortController()
  const time = async () => {
    for (; !over.signal.aborted; await turns(4)) clock.advance(20)
  }
  const passing = time()
  const jobs = {
    models: ['alpha', 'beta', 'gamma'],
    jobs: [4, 5, 6],
    gaps: [0, 20, 100, 400],
    prompts: ['hi'],
    lengths: [undefined],
  } as const
  for (let i = 0; i < count; i++) await interleave({ foreman, clock, dice, ...jobs })
  const found = foreman.lines.filter(({ msg }) => msg.startsWith('a load hangs')).length
  // One that hangs in a load that Ollama began by itself is only seen by the end of its time.
  const late = foreman.app.queue.total('failed')
  await foreman.close()
  await foreman.fake.close()
  over.abort()
  await passing
  return found + late
}

test(
  `the target never hangs on what foreman itself asks, in ${interleavings} random interleavings`,
  async () => {
    const dice = new Dice(seed)
    let found = 0
    for (let left = interleavings; left > 0; left -= together) found += await hangs(dice, Math.min(left, together))
    expect({ found, seed }).toEqual({ found: 0, seed })
  },
  limit_ms,
)
