// Row 6: from the start of the process to readiness with a long queue, and what foreman then holds in memory: idle, and
// while somebody pushes a model's blob through it.

import type { Bench } from './bench.ts'
import { idleMemory, startForeman } from './foreman.ts'
import { mb, median, rounds } from './quantile.ts'
import { head } from './request.ts'
import type { Row } from './table.ts'
import type { UploadInput } from './upload.ts'

const idle_ms = 5_000
const gibi = 1024 ** 3
const digest = 'sha256:0000000000000000000000000000000000000000000000000000000000000000'

/** Starts on the data in `folder`, which holds a paused queue of `size` jobs. */
export async function starts(bench: Bench, folder: string, size: number): Promise<Row[]> {
  const { quick, say, caller, target } = bench
  const options = { folder, target: `http://127.0.0.1:${target.port}`, settings: { FOREMAN_QUEUE_MAX: '100000000' } }
  const took: number[] = []
  for (let i = 0; i < (quick ? 2 : 7); i++) {
    const { foreman, ready_ms } = await startForeman(options)
    took.push(ready_ms)
    await foreman.stop()
  }
  const idle = await idleMemory(options, idle_ms)
  const { foreman } = await startForeman(options)
  let highest = 0
  const watch = setInterval(() => {
    void foreman.usage().then(({ rss }) => (highest = Math.max(highest, rss)))
  }, 50)
  const bytes = (quick ? 0.25 : 2) * gibi
  const input: UploadInput = { port: foreman.port, head: head('POST', `/api/blobs/${digest}`), bytes, status: 201 }
  const upload_ms = await caller.ask<number>('upload', input)
  clearInterval(watch)
  await foreman.stop()

  say(`start to ready with ${size.toLocaleString('en')} queued jobs, ms each: ${rounds(took)}`)
  say(
    `  resident memory ${mb(idle)} after ${idle_ms / 1000} s, at most ${mb(highest)} while ${bytes / gibi} GiB passed in ${upload_ms.toFixed(0)} ms`,
  )
  return [
    {
      what: `start to ready, ${size.toLocaleString('en')} jobs`,
      measured: `${median(took).toFixed(0)} ms`,
      reach: '≤ 1000 ms',
      met: median(took) <= 1_000,
    },
    {
      what: 'resident memory, idle',
      measured: mb(idle),
      reach: '≤ 100 MB',
      met: idle <= 100 * 2 ** 20,
    },
    { what: `resident memory while ${bytes / gibi} GiB pass`, measured: mb(highest), reach: '', met: null },
  ]
}
