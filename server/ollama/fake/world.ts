// The parts of one simulated Ollama, as its routes receive them. Made by fake.ts.

import type { Clock } from '../../clock.ts'
import type { Catalog, FakeModel } from './catalog.ts'
import type { Faults } from './fault.ts'
import type { Ledger } from './ledger.ts'
import type { Scheduler } from './scheduler.ts'
import type { Sleep, Span } from './sleep.ts'

export interface Settings {
  version: string
  /** Time to evaluate a prompt. */
  promptMs: (text: string) => Span
  /** Time until it is noticed that a client has left. */
  noticeMs: (() => Span) | undefined
  /** Time for each token. */
  tokenMs: Span
  /** Tokens of an answer that ends by itself. */
  tokens: number
  /** num_ctx of requests and models that say nothing. */
  contextLength: number
  /** Says this instead of the words it would choose; undefined leaves the choice. */
  reply: ((prompt: { model: string; kind: 'chat' | 'generate'; text: string }) => string | undefined) | undefined
  /** What can be pulled. */
  registry: FakeModel[]
}

export interface World {
  settings: Settings
  clock: Clock
  sleep: Sleep
  catalog: Catalog
  scheduler: Scheduler
  faults: Faults
  ledger: Ledger
  /** Digests of the blobs it has, without `sha256:`. */
  blobs: Set<string>
}
