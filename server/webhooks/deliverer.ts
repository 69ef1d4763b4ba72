// The voice: sends what the outbox holds. It is woken by the commit that wrote something, and by one timer for what is
// due first; each try is entered in the outbox before the next one of the same delivery. Whatever was sent and could not
// be entered, because foreman died or the disk refused, is sent again under the same id: at least once.

import { Agent } from 'undici'
import type { Clock } from '../clock.ts'
import { longestRedelivery_ms } from '../job/redelivery.ts'
import type { Steady } from '../queue/steady.ts'
import type { DeliveryRow, Outgoing } from '../store/deliveries.ts'
import { Keeper, type KeeperOptions } from '../store/keeper.ts'
import type { Store } from '../store/store.ts'
import { attempt, type Tried } from './attempt.ts'
import type { Guard } from './guard.ts'
import { Hosts, type Next } from './hosts.ts'
import { Misfit, reasonOf } from './misfit.ts'
import { parcel } from './parcel.ts'
import { Signer } from './sign.ts'
import { judge, type Verdict } from './verdict.ts'

export interface DelivererOptions extends Pick<KeeperOptions, 'onStorage'> {
  store: Store
  clock: Clock
  steady: Steady
  random: () => number
  /** `whsec_…`; without one no webhook is sent. */
  secrets: readonly string[]
  /** Says who must not be called, before and at each connection. */
  guard: Pick<Guard, 'refusal' | 'connect'>
  /** A try has ended, and what came of it is on disk. */
  onTried?: (row: DeliveryRow, tried: Tried, job: string) => void
  /** Nothing of a job is left to be delivered. */
  onSettled?: (job: number) => void
  /** Something went wrong that is not the receiver's; deliveries go on after a pause. */
  onError?: (error: unknown) => void
}

/** Tries that begin in one turn of the event loop: their bodies are read and signed in it. */
const atOnce = 8
/** Hosts that are given their place in one turn: a millisecond or two. */
const hostsAtOnce = 100
/** A connection that nobody uses is kept for so long at most, whatever the receiver says: there may be many of them. */
const longestIdle_ms = 30_000
/** How long to wait after something that would go wrong again at once. */
const again_ms = 5000

export class Deliverer {
  #options: DelivererOptions
  #hosts: Hosts
  #agent: Agent
  #signer: Signer
  #keeper: Keeper
  #halt = new AbortController()
  #started = false
  #resting = false
  #stopping = false
  #goingOn = false
  #cancelTimer = () => {}
  #stopped: (() => void)[] = []

  constructor(options: DelivererOptions) {
    const { store, clock, guard, secrets, onStorage } = options
    this.#options = options
    this.#hosts = new Hosts({ first: (host, most) => store.deliveries.first(host, most) })
    // How long a try may take is its own business, by the clock of this house.
    const patience = { headersTimeout: 0, bodyTimeout: 0, keepAliveMaxTimeout: longestIdle_ms }
    this.#agent = new Agent({ connect: guard.connect, pipelining: 1, ...patience })
    this.#signer = new Signer(secrets)
    this.#keeper = new Keeper({
      clock,
      onStorage: (failing, error) => {
        onStorage?.(failing, error)
        this.#pump()
      },
    })
  }

  /** Begins with what an earlier foreman left. A store that cannot be written sends nothing: nothing could be entered. */
  start(): void {
    const { store, steady, onError } = this.#options
    if (store.unwritable) return
    // The clock may have been set back before this start; no try is further away than the longest step.
    const draw = () => store.deliveries.draw(steady.now() + longestRedelivery_ms)
    const drawn = this.#keeper.keep(() => store.commit.run('draw', draw))
    drawn.then(() => this.#begin()).catch((error: unknown) => onError?.(error))
  }

  #begin(): void {
    this.#started = true
    this.#lookAround()
  }

  /** Something may have been written for receivers. */
  wake(): void {
    if (!this.#started || this.#stopping) return
    const { store, steady } = this.#options
    const hosts = store.deliveries.touched()
    if (hosts.length === 0) return
    this.#guarded(() => {
      for (const host of hosts) this.#hosts.look(host, steady.now())
    })
    this.#pump()
  }

  /** Has a delivery sent anew, whatever became of it: under its id, with its tries from the start. False: there is none. */
  async redeliver(id: string): Promise<boolean> {
    const { store, steady } = this.#options
    const found = await store.commit.run('redeliver', () => {
      const row = store.deliveries.withId(id)
      if (!row) return undefined
      // Before whatever waits for its host, which may have been away for long.
      const [first] = store.deliveries.first(row.host, 1)
      store.deliveries.renew(row, Math.min(steady.now(), (first?.due ?? Infinity) - 1))
      return row
    })
    if (found) this.#hosts.spare(found.host)
    this.wake()
    return found !== undefined
  }

  /** Gives every host its place, whatever was missed, some in a turn of the event loop, and starts what is due. */
  #lookAround(): void {
    const { store, steady } = this.#options
    let hosts: string[] | undefined
    const some = () => {
      if (this.#stopping) return
      this.#guarded(() => {
        hosts ??= store.deliveries.hosts()
        for (const host of hosts.splice(-hostsAtOnce)) this.#hosts.look(host, steady.now())
        if (hosts.length > 0) setImmediate(some)
      })
      this.#pump()
    }
    some()
  }

  /** Starts what is due at `time`, and now, and has room, some in a turn of the event loop; then waits for what is due next. */
  #pump(time = 0): void {
    if (!this.#started || this.#stopping || this.#resting || this.#keeper.failing || this.#goingOn) return
    this.#cancelTimer()
    const { steady } = this.#options
    this.#guarded(() => {
      for (let i = 0; i < atOnce; i++) {
        const next = this.#hosts.take(Math.max(time, steady.now()))
        if (!next) {
          const due = this.#hosts.nextDue
          if (due < Infinity) this.#cancelTimer = steady.at(due, () => this.#pump(due))
          return
        }
        void this.#deliver(next)
      }
      this.#goingOn = true
      setImmediate(() => {
        this.#goingOn = false
        this.#pump()
      })
    })
  }

  async #deliver(next: Next): Promise<void> {
    const { store, clock, steady, onTried, onSettled } = this.#options
    let answered: boolean | undefined
    try {
      const row = store.deliveries.outgoing(next.seq)
      if (row) {
        const began = clock.wall()
        const tried = await this.#try(row)
        const verdict = await this.#keeper.keep(() => this.#enter(next.seq, tried, began))
        // One that was erased meanwhile may have ended for that.
        answered = verdict && isThere(tried)
        if (verdict) onTried?.(verdict.row, tried, row.job_id)
        if (verdict?.settled) onSettled?.(verdict.row.job)
      }
    } catch (error) {
      // One that was broken off because foreman stops costs nothing: it is as if it had not been.
      if (!this.#stopping) this.#rest(error)
    } finally {
      this.#guarded(() => this.#hosts.ended(next, answered, steady.now()))
      if (this.#hosts.underWay === 0) for (const resolve of this.#stopped.splice(0)) resolve()
      this.#pump()
    }
  }

  /** Throws only when foreman stops. */
  async #try(row: Outgoing): Promise<Tried> {
    const { store, clock, guard } = this.#options
    const { signal } = this.#halt
    try {
      const refused = guard.refusal(row.url)
      if (refused !== undefined) throw new Misfit('forbidden', refused)
      const sent = parcel(row, { store, signer: this.#signer, wall: clock.wall() })
      return await attempt(sent, { dispatcher: this.#agent, clock, signal })
    } catch (error) {
      if (!(error instanceof Misfit)) throw error
      return { ...reasonOf(error), ms: 0 }
    }
  }

  #enter(seq: number, tried: Tried, began: number): Promise<Verdict | undefined> {
    const { store, clock, steady, random } = this.#options
    return store.commit.run('deliver', () => {
      const moment = { began, wall: clock.wall(), steady: steady.now(), random: random() }
      return judge(store, seq, tried, moment)
    })
  }

  /** A database that cannot be read, say: all wait for a while. */
  #guarded(act: () => void): void {
    try {
      act()
    } catch (error) {
      this.#rest(error)
    }
  }

  #rest(error: unknown): void {
    const { clock, onError } = this.#options
    onError?.(error)
    if (this.#resting) return
    this.#resting = true
    clock.at(clock.now() + again_ms, () => {
      this.#resting = false
      this.#lookAround()
    })
  }

  /** Begins no try, gives those under way `grace_ms`, then breaks them off at no cost. */
  async stop(grace_ms: number): Promise<void> {
    const { clock } = this.#options
    this.#stopping = true
    this.#keeper.stop()
    this.#cancelTimer()
    if (this.#hosts.underWay > 0) {
      const cancel = clock.at(clock.now() + grace_ms, () => this.#halt.abort(new Error('foreman stops')))
      await new Promise<void>((resolve) => this.#stopped.push(resolve))
      cancel()
    }
    await this.#agent.destroy()
  }
}

/** Whether somebody answers at the host, be it to refuse. Undefined: nobody was asked. */
function isThere({ outcome, status }: Tried): boolean | undefined {
  if (outcome === 'unsigned' || outcome === 'lost') return undefined
  return status !== undefined && status < 500 && status !== 429
}
