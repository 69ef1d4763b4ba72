// What every row of the benchmark is given, and the proxies they compare.

import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { Child } from './child.ts'
import { startForeman } from './foreman.ts'

export interface Bench {
  /** Shorter and fewer rounds: whether it works, not how fast. */
  quick: boolean
  /** The load generator. */
  caller: Child
  /** The target all proxies stand before. */
  target: Child
  /** A folder of its own for whoever asks, gone at the end. */
  folder(): string
  /** A line of the raw output. */
  say(line: string): void
  /** Folder for processor profiles of what is measured. */
  profile?: string
}

export type Name = 'bare' | 'default' | 'foreman'

export const names: readonly Name[] = ['bare', 'default', 'foreman']

export function openBench(options: Pick<Bench, 'quick' | 'say' | 'profile'> & { root: string }): Promise<Bench> {
  const { root } = options
  const caller = new Child('scripts/bench/caller.ts')
  return new Child('scripts/bench/target.ts')
    .listening()
    .then((target) => ({ ...options, caller, target, folder: () => mkdtempSync(join(root, 'data-')) }))
}

/** Starts the three proxies before the target. */
export async function startProxies({ target, profile, folder }: Bench): Promise<Record<Name, Child>> {
  const url = `http://127.0.0.1:${target.port}`
  const [bare, other, { foreman }] = await Promise.all([
    new Child('scripts/bench/bare.ts', { args: [url], profile }).listening(),
    new Child('scripts/bench/defaults.ts', { args: [url], profile }).listening(),
    startForeman({ target: url, folder: folder(), profile }),
  ])
  return { bare, default: other, foreman }
}

export async function stopAll(children: Readonly<Record<string, Child>>): Promise<void> {
  await Promise.all(Object.values(children).map((child) => child.stop()))
}
