// The disk's own pace, to stand beside figures that depend on it.

import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { quantile } from './quantile.ts'

/** Appends 4 KiB and syncs, so many times, in `folder`. Milliseconds. */
export function writeAndSync(folder: string, times: number): { p50: number; p99: number } {
  const file = openSync(join(folder, 'synced'), 'w')
  const bytes = Buffer.alloc(4096, 7)
  const took = Array.from({ length: times }, () => {
    const started = performance.now()
    writeSync(file, bytes)
    fdatasyncSync(file)
    return performance.now() - started
  })
  closeSync(file)
  return { p50: quantile(took, 0.5), p99: quantile(took, 0.99) }
}
