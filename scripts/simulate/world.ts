// foreman's own lanes before the model of Ollama's scheduler: the real People, the real Turns, the real schedule() or another
// policy, the real Capacity. It brings requests, does what is decided, and notes what came of it.
import { Capacity } from '../../server/ollama/capacity.ts'
import { People } from '../../server/people/people.ts'
import type { Surroundings } from '../../server/people/surroundings.ts'
import type { Limits } from '../../server/job/schedule.ts'
import { Turns } from '../../server/worker/turns.ts'
import { JumpingClock } from './clock.ts'
import { Jobs, type Told } from './jobs.ts'
import { listed, teach } from './teach.ts'
import { Ollama, type Work } from './ollama.ts'
import { promote } from './policies.ts'
import { defaults, second, type WorldOptions } from './setting.ts'

export class World implements Surroundings {
  readonly clock = new JumpingClock()
  readonly told: Told[] = []
  /** Idle with somebody waiting, deadlock, no end: none is right. */
  readonly bugs: string[] = []
  readonly ollama: Ollama
  readonly limits: Limits
  claims = 0
  /** Runners that were let go as if the target hung, which this one never does. */
  cures = 0
  absent = false
  readonly blind = false
  readonly state = 'awake'
  readonly capacity: Capacity
  readonly #options: Required<Pick<WorldOptions, 'policy' | 'room' | 'size' | 'load' | 'lag'>>
  readonly #people: People
  readonly #turns: Turns
  #view = new Set<string>()
  readonly #seenLoads = new Map<string, number>()
  readonly #jobs = new Jobs()
  #running: string | null = null
  #cancelTimer = () => {}

  constructor(options: WorldOptions = {}) {
    const {
      policy = promote,
      room = 1,
      parallel = 1,
      size = () => 1,
      load = () => 20 * second,
      lag = 0,
      learnt = [],
    } = options
    const { clock } = this
    this.#options = { policy, room, size, load, lag }
    this.limits = { ...defaults, ...options.limits }
    this.ollama = new Ollama({ clock, room, parallel, size, load, onLoaded: (key) => this.#loaded(key) })
    this.capacity = new Capacity({ clock })
    if (learnt.length > 0) this.#learn(learnt)
    this.#turns = new Turns({ onClaim: (key) => (this.claims += key === null ? 0 : 1) })
    this.#people = new People({
      clock,
      target: this,
      patience: this.limits.peoplePatience,
      absentHold: Infinity,
      slowestLoad: (key) => this.#seenLoads.get(key) ?? 0,
      onChange: () => this.#decide(),
    })
  }

  /** A person's request comes at `at`; `patience` is how long she waits for it to begin. */
  ask(
    at: number,
    key: string,
    takes: number,
    { after, patience = Infinity }: { after?: () => void; patience?: number } = {},
  ): void {
    this.clock.at(at, () => {
      const told: Told = { key, people: true, came: at }
      this.told.push(told)
      const over = () => {
        told.end = this.clock.now()
        ticket.release()
        after?.()
      }
      const work: Work = {
        key,
        takes,
        left: false,
        onReady: () => (told.ready = this.clock.now()),
        onEnd: () => (ticket.answered(), over()),
      }
      const forward = () => {
        told.sent = this.clock.now()
        this.ollama.submit(work)
      }
      const ticket = this.#people.arrive(key, { forward, refuse: over })
      if (patience < Infinity)
        this.clock.at(at + patience, () => {
          if (told.ready !== undefined || told.end !== undefined) return
          if (told.sent !== undefined) this.ollama.leave(work)
          over()
        })
    })
  }

  /** A job comes at `at`. */
  post(at: number, key: string, takes: number): void {
    this.clock.at(at, () => {
      const job: Told = { key, people: false, came: at }
      this.told.push(job)
      this.#jobs.add({ at, job, takes })
      this.#decide()
    })
  }

  /** The target is away from `from` to `to`; what runs goes on when it is back (a sleep, not a crash). */
  away(from: number, to: number): void {
    for (const [at, absent] of [
      [from, true],
      [to, false],
    ] as const)
      this.clock.at(at, () => {
        this.absent = absent
        this.#people.decide()
        this.#decide()
      })
  }

  run(): this {
    if (!this.clock.run()) this.bugs.push('no end')
    const waiting = this.#jobs.keys.length > 0
    if (this.#running !== null || waiting || this.#people.held + this.#people.inFlight > 0) this.bugs.push('deadlock')
    return this
  }

  queuedAt(place: number): number {
    return this.#jobs.queuedAt(place)
  }

  /** Jobs wait or one runs. */
  get jobsLeft(): boolean {
    return this.#running !== null || this.#jobs.keys.length > 0
  }

  /** How long each waited for a runner that was ready, sorted. */
  waits(people: boolean, key?: string): number[] {
    const of = this.told.filter(
      (one) => one.people === people && one.ready !== undefined && (key ?? one.key) === one.key,
    )
    return of.map((one) => (one.ready ?? 0) - one.came).toSorted((a, b) => a - b)
  }

  get end(): number {
    return Math.max(0, ...this.told.map(({ end = 0 }) => end))
  }

  #decide(): void {
    if (this.#running !== null) return
    this.#cancelTimer()
    for (;;) {
      this.#people.decide()
      if (this.#running !== null) return
      const now = this.clock.now()
      const decision = this.#options.policy({
        now,
        keys: this.#jobs.keys,
        resident: this.#view,
        listed: this.#view,
        ...this.#turns.state,
        people: this.#people.crowds,
        strangers: 0,
        room: this.capacity.room,
        target: this.absent ? 'asleep' : 'awake',
        paused: false,
        limits: this.limits,
      })
      if (this.#turns.follow(decision, now)) {
        this.#people.jobs({ running: null, claim: this.#turns.claim })
        continue
      }
      if (decision.act === 'start') this.#start(decision.key)
      else if (decision.act === 'wait' && decision.until !== null)
        this.#cancelTimer = this.clock.at(decision.until, () => this.#decide())
      this.#mustNotIdle()
      return
    }
  }

  #start(key: string): void {
    const { job, takes } = this.#jobs.take(key, this.clock.now())
    this.#running = key
    job.sent = this.clock.now()
    this.#people.jobs({ running: key, claim: this.#turns.claim })
    this.capacity.forwarded(key)
    const onEnd = () => {
      job.end = this.clock.now()
      this.#running = null
      this.#people.jobs({ running: null, claim: this.#turns.claim })
      if (!this.#view.has(key)) this.#look()
      this.#decide()
    }
    this.ollama.submit({ key, takes, left: false, onReady: () => (job.ready = this.clock.now()), onEnd })
  }

  #loaded(key: string): void {
    this.#seenLoads.set(key, Math.max(this.#seenLoads.get(key) ?? 0, this.#options.load(key)))
    this.clock.at(this.clock.now() + this.#options.lag, () => this.#look())
  }

  #look(): void {
    this.#view = new Set(this.ollama.listed)
    this.capacity.looked(listed(this.ollama.listed))
    this.#people.looked()
    this.#decide()
  }

  /** Nobody waits before an idle target, but for the pauses that the law allows. */
  #mustNotIdle(): void {
    if (!this.ollama.idle || this.absent || this.#running !== null) return
    const now = this.clock.now()
    const crowds = this.#people.crowds
    const lingers = crowds.some(({ used, load_ms }) => now < used + Math.min(second, load_ms / 4))
    if (this.#people.held > 0 && this.#people.inFlight === 0 && !lingers) this.bugs.push(`idle at ${now}, people held`)
    const recent = crowds.some(({ key, used }) => this.#view.has(key) && now < used + this.limits.hold)
    if (this.#jobs.keys.length > 0 && this.#people.inFlight + this.#people.held === 0 && !recent)
      this.bugs.push(`idle at ${now}, jobs wait`)
  }

  #learn(keys: readonly string[]): void {
    const { room, size, load } = this.#options
    teach(this.capacity, keys, (some) => some.reduce((sum, key) => sum + size(key), 0) <= room)
    for (const key of keys) this.#seenLoads.set(key, load(key))
  }

  // What People stands before. Keys are runners, and everything is read as it is.
  runnerKey = (key: string) => key
  cloud = () => false
  residentKeys = () => this.#view
  listedKeys = () => this.#view
  demand = () => {}
  heard = () => {}
  expect = () => {}
  probe = async () => {}
  reading = undefined
  word = async () => {}
  shown = () => this.#look()
  lookAnew = async () => this.#look()
  unload = async (key: string) => {
    if (!this.ollama.unload(key)) return
    this.cures++
    this.capacity.dismissed(key)
    this.#look()
  }
}
