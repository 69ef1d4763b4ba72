// The people's lane: every passthrough inference request from its arrival until the target's answer has ended or its
// caller has left. It asks job/admit.ts who may go, and holds the others: connection open, nothing sent, in order. It
// moves no bytes; http/passage.ts does.
import { admit, type Admission, type Crowd } from '../job/admit.ts'
import { Cure } from './cure.ts'
import { Lane } from './lane.ts'
import { Outage } from './outage.ts'
import { Passing } from './passing.ts'
import { Slots } from './slots.ts'
import type { Jobs, PeopleOptions } from './surroundings.ts'
import { LaneTicket } from './ticket.ts'
import type { Ticket, Traveller, Visit } from './visit.ts'

export class People {
  readonly #options: PeopleOptions
  readonly #lane: Lane
  readonly #outage: Outage
  readonly #passing: Passing
  #jobs: Jobs = { running: null, claim: null }
  readonly #cure: Cure
  readonly #slots: Slots
  #deciding = false
  #again = false
  #cancelTimer = () => {}

  constructor(options: PeopleOptions) {
    this.#options = options
    this.#lane = new Lane(options.onTurn)
    this.#cure = new Cure(options)
    const onChange = () => this.#changed()
    this.#slots = new Slots({ ...options, worked: () => this.#cure.workedAt }, onChange)
    this.#outage = new Outage({ ...options, onChange })
    this.#passing = new Passing({ clock: options.clock, outage: this.#outage, onChange })
  }

  /** How many requests are in flight, as far as they count. */
  get inFlight(): number {
    return this.#lane.flying + this.#passing.flying
  }

  get held(): number {
    return this.#lane.held + this.#passing.held
  }

  /** How many have a key that can't be told. */
  get strangers(): number {
    return this.#passing.strangers
  }

  /** What each runner's requests are doing, and when they last did. */
  get crowds(): Crowd[] {
    return this.#lane.crowds(this.#options.slowestLoad)
  }

  /** How they spell the key of a runner. */
  nameOf(key: string): string {
    return this.#lane.nameOf(key)
  }

  /**
   * A request has arrived, its body read as far as it will be; `name` is its affinity key if that can be told. `forward`
   * may be called at once.
   */
  arrive(name: string | undefined, traveller: Traveller): Ticket {
    const { clock, target } = this.#options
    if (name === undefined || target.cloud(name)) return this.#passing.arrive(name === undefined, traveller)
    const visit: Visit = {
      name,
      key: target.runnerKey(name),
      place: 'held',
      came: clock.now(),
      sent: Infinity,
      waited: false,
      absentSince: undefined,
      traveller,
    }
    this.#lane.hold(visit)
    this.#changed()
    visit.waited = visit.place === 'held'
    return new LaneTicket(visit, {
      clock,
      target,
      lane: this.#lane,
      slots: this.#slots,
      undisturbed: (key) => this.#undisturbed(key),
      onChange: () => this.#changed(),
      unsent: (unsent) => this.#outage.unsent(unsent),
    })
  }

  /**
   * Whether a request that waits for nothing would only meet silence. The target is asked how it is then, so that the next
   * one does not hear of what was. One that refuses says so itself, and says at once when it is back.
   */
  missing(): boolean {
    const { target } = this.#options
    if (target.state !== 'asleep') return false
    void target.probe()
    return true
  }

  /** Bytes of an answer came: the target is there, whatever its probes say. */
  heard(): void {
    this.#options.target.heard()
  }

  /** Whether somebody has left this runner and no answer has begun since. It is the job's that asks to find out more. */
  handOver(key: string): boolean {
    return this.#slots.handOver(key)
  }

  /** Asks nothing of the target any more. */
  close(): void {
    this.#slots.giveWay()
  }

  jobs(jobs: Jobs): void {
    if (jobs.running === this.#jobs.running && jobs.claim === this.#jobs.claim) return
    if (this.#jobs.running !== null) this.#cure.worked()
    this.#jobs = jobs
    if (jobs.running !== null) this.#lane.worked(jobs.running)
    this.decide()
  }

  /** What is in memory was read; `at`, monotonic milliseconds, is when that was asked for. */
  looked(at = this.#options.clock.now()): void {
    const { clock, target, onLoad } = this.#options
    for (const load of this.#lane.looked(target.residentKeys(), clock.now(), at)) onLoad?.(load)
    this.#cure.looked()
    this.decide()
  }

  /** Names mean other runners than before. */
  renamed(): void {
    this.#lane.renamed((name) => this.#options.target.runnerKey(name))
    this.decide()
  }

  /** Lets go whoever may, and sets the time of the next look. To be called when something happened to the target. */
  decide(): void {
    // What is forwarded may end at once, and its end asks for a decision.
    this.#again = true
    if (this.#deciding) return
    this.#deciding = true
    try {
      while (this.#again) {
        this.#again = false
        this.#settle()
      }
    } finally {
      this.#deciding = false
    }
    this.#lane.trim()
    this.#options.onHolding?.(this.held, this.#options.target.absent || this.#outage.asking)
  }

  #settle(): void {
    const { clock, target } = this.#options
    this.#cancelTimer()
    this.#cancelTimer = () => {}
    const admitting = target.absent ? this.#wait() : this.#admit()
    const { doubted } = this.#slots
    if (doubted !== undefined && !this.#undisturbed(doubted)) this.#slots.giveWay()
    const healing = this.#lane.flying > 0 ? this.#cure.tend(this.crowds, this.#jobs.running) : null
    // Only now it is known who still waits.
    this.#demand()
    const next = Math.min(admitting ?? Infinity, healing ?? Infinity)
    if (next < Infinity) this.#cancelTimer = clock.at(next, () => this.#timed())
  }

  /** A moment has come at which the answer may be another. Nobody else knows of whoever it lets go or refuses. */
  #timed(): void {
    const { held, inFlight } = this
    this.decide()
    if (held !== this.held || inFlight !== this.inFlight) this.#options.onChange?.()
  }

  /** Refuses whoever has waited for the absent target for long enough. Answers when to look again. */
  #wait(): number {
    const now = this.#options.clock.now()
    const next = this.#outage.wait(this.#lane.waiting, (visit) => this.#lane.leave(visit, 'gone', now))
    return Math.min(next, this.#passing.wait())
  }

  /** Forwards until nobody may go. Answers when to look again. */
  #admit(): number | null {
    // Whoever was to be sent found nobody there: none goes before it is known how the target is.
    if (this.#outage.asking) return null
    this.#passing.go()
    while (this.#lane.held > 0) {
      const admission = this.#ask()
      if (admission.act === 'hold') {
        this.#outage.over(this.#lane.waiting)
        return admission.until
      }
      this.#go(admission)
    }
    return null
  }

  #ask(): Admission {
    const { clock, target, patience } = this.#options
    const { doubted } = this.#slots
    // In doubt nobody is held: that costs a load at most, and a wrong hold delays a person.
    const first = patience === null || target.blind ? this.#lane.waiting.find(({ key }) => key !== doubted) : undefined
    if (first) return { act: 'forward', key: first.key, probe: false }
    const { running: job, claim } = this.#jobs
    return admit({
      now: clock.now(),
      crowds: this.crowds.filter(({ key }) => key !== doubted),
      job,
      claim,
      resident: target.residentKeys(),
      room: target.capacity.room,
      patience: patience ?? 0,
    })
  }

  #go({ key, probe }: { key: string; probe: boolean }): void {
    const { clock, target, onHeld } = this.#options
    const now = clock.now()
    const resident = target.residentKeys().has(key)
    const going = this.#lane.send(key, probe, { now, resident, running: this.#jobs.running })
    target.capacity.forwarded(key)
    if (going[0]) target.expect(going[0].name, true)
    this.#demand()
    for (const { traveller, came, waited } of going) {
      if (waited) onHeld?.(now - came)
      traveller.forward()
    }
  }

  /** Whether the target is there, and does nothing that a runner of this key could have to go for. */
  #undisturbed(key: string): boolean {
    const { target } = this.#options
    if (target.absent || this.#jobs.running !== null || this.strangers > 0) return false
    return !this.#lane.awaitsOther(key, target.residentKeys())
  }

  #changed(): void {
    this.decide()
    this.#options.onChange?.()
  }

  #demand(): void {
    const { target } = this.#options
    target.demand('in_flight', this.inFlight + this.held > 0, this)
    target.demand('waiting', this.held > 0, this)
  }
}
