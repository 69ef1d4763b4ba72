// Ollama's scheduler on a jumping clock: one loader, first come first served among those who need a load; loaded runners
// overtake without bound; a busy victim that was chosen is waited for. No HTTP; server/ollama/fake has that.
import type { Clock } from '../../server/clock.ts'

export interface Work {
  key: string
  /** How long its answer takes once it has a slot, milliseconds. */
  takes: number
  /** Its client has left. */
  left: boolean
  /** Its runner is there. */
  onReady: () => void
  onEnd: () => void
}

export interface OllamaParts {
  clock: Clock
  /** How much fits, in the unit of `size`. */
  room: number
  /** Slots of a runner. */
  parallel: number
  size: (key: string) => number
  load: (key: string) => number
  onLoaded: (key: string) => void
}

interface Runner {
  active: Set<Work>
  queue: Work[]
}

export class Ollama {
  readonly #parts: OllamaParts
  readonly #runners = new Map<string, Runner>()
  #pending: Work[] = []
  #loading: string | undefined
  #victim: string | undefined
  loads = 0
  /** Milliseconds spent loading. */
  loadTime = 0

  constructor(parts: OllamaParts) {
    this.#parts = parts
  }

  get listed(): string[] {
    return [...this.#runners.keys()]
  }

  get idle(): boolean {
    const used = [...this.#runners.values()].some(({ active, queue }) => active.size + queue.length > 0)
    return this.#loading === undefined && this.#pending.length === 0 && !used
  }

  submit(work: Work): void {
    const runner = this.#runners.get(work.key)
    if (runner) this.#use(runner, work)
    else {
      this.#pending.push(work)
      this.#pump()
    }
  }

  /** Its client leaves before its answer has begun. */
  leave(work: Work): void {
    work.left = true
    const runner = this.#runners.get(work.key)
    if (runner) runner.queue = runner.queue.filter((one) => one !== work)
    this.#pump()
  }

  /** An unload: the runner goes if it is idle. Answers whether it did. */
  unload(key: string): boolean {
    const runner = this.#runners.get(key)
    if (!runner || runner.active.size + runner.queue.length > 0) return false
    this.#runners.delete(key)
    this.#pump()
    return true
  }

  #use(runner: Runner, work: Work): void {
    work.onReady()
    if (runner.active.size < this.#parts.parallel) this.#begin(runner, work)
    else runner.queue.push(work)
  }

  #begin(runner: Runner, work: Work): void {
    const { clock } = this.#parts
    runner.active.add(work)
    clock.at(clock.now() + work.takes, () => {
      runner.active.delete(work)
      for (
        let next = runner.queue.shift();
        next;
        next = runner.active.size < this.#parts.parallel ? runner.queue.shift() : undefined
      ) {
        this.#begin(runner, next)
        if (runner.active.size >= this.#parts.parallel) break
      }
      this.#pump()
      work.onEnd()
    })
  }

  #pump(): void {
    while (this.#loading === undefined) {
      const next = this.#pending[0]
      if (!next) return
      if (next.left) {
        this.#pending.shift()
        this.#victim = undefined
        continue
      }
      const runner = this.#runners.get(next.key)
      if (runner) {
        this.#pending.shift()
        this.#use(runner, next)
        continue
      }
      if (this.#fits(next.key)) return this.#load(next)
      if (!this.#evict(next.key)) return
    }
  }

  #fits(key: string): boolean {
    const { size, room } = this.#parts
    return this.listed.reduce((sum, one) => sum + size(one), size(key)) <= room
  }

  /** True when a runner has gone. Options of the same weights replace each other. */
  #evict(key: string): boolean {
    const busy = (one: string) => {
      const { active, queue } = this.#runners.get(one)!
      return active.size + queue.length > 0
    }
    if (this.#victim === undefined || !this.#runners.has(this.#victim)) {
      const idle = this.listed.filter((one) => !busy(one))
      const same = this.listed.filter((one) => weightsOf(one) === weightsOf(key))
      this.#victim = (same.length > 0 ? same : idle.length > 0 ? idle : this.listed).toSorted()[0]!
    }
    if (busy(this.#victim)) return false
    this.#runners.delete(this.#victim)
    this.#victim = undefined
    return true
  }

  #load(work: Work): void {
    const { clock, load, onLoaded } = this.#parts
    const { key } = work
    this.#loading = key
    this.loadTime += load(key)
    clock.at(clock.now() + load(key), () => {
      this.#runners.set(key, { active: new Set(), queue: [] })
      this.#loading = undefined
      this.loads++
      this.#pending.shift()
      if (!work.left) this.#use(this.#runners.get(key)!, work)
      this.#pump()
      onLoaded(key)
    })
  }
}

const weightsOf = (key: string) => key.split(' ', 1)[0]
