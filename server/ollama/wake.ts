// Waking a target that sleeps: a Wake-on-LAN packet when the first of those who wait for it comes, and again while it stays
// away. Sent as a broadcast, and to the target's own host, for networks that pass one and not the other.

import { createSocket } from 'node:dgram'
import type { Clock } from '../clock.ts'

export interface WakerOptions {
  clock: Clock
  /** Six bytes in hex, colons or dashes between. */
  mac: string
  /** Where packets go: addresses or names. */
  hosts: readonly string[]
  /** 9, discard, as everybody does. */
  port?: number
  onSent?: (times: number) => void
}

const every_ms = 30_000
/** In one wait; a machine that did not hear so many will not hear the next one. */
const most = 10
/** Who comes so long after the last packet begins another wait. */
const anew_ms = 600_000

export class Waker {
  readonly #options: WakerOptions
  #times = 0
  #last = Number.NEGATIVE_INFINITY
  #cancel: (() => void) | undefined

  constructor(options: WakerOptions) {
    this.#options = options
  }

  /** Whether somebody waits for a target that is away. */
  wanted(on: boolean): void {
    if (!on) return this.#stop()
    if (this.#cancel) return
    const { clock } = this.#options
    if (clock.now() - this.#last >= anew_ms) this.#times = 0
    if (this.#times >= most) return
    // Who leaves and comes again at once is no reason for another packet.
    const due = this.#last + every_ms
    if (clock.now() < due) this.#cancel = clock.at(due, () => this.#send())
    else this.#send()
  }

  /** The target is back: the next absence is another one. */
  back(): void {
    this.#stop()
    this.#times = 0
    this.#last = Number.NEGATIVE_INFINITY
  }

  close(): void {
    this.#stop()
  }

  #stop(): void {
    this.#cancel?.()
    this.#cancel = undefined
  }

  #send(): void {
    const { clock, mac, hosts, port = 9, onSent } = this.#options
    const socket = createSocket('udp4')
    // A network that refuses is no reason to stop waiting.
    socket.on('error', () => socket.close())
    socket.bind(() => {
      socket.setBroadcast(true)
      const sent = hosts.map((host) => new Promise<void>((done) => socket.send(magic(mac), port, host, () => done())))
      void Promise.all(sent).then(() => socket.close())
    })
    this.#last = clock.now()
    onSent?.(++this.#times)
    this.#cancel = clock.at(this.#last + every_ms, this.#times < most ? () => this.#send() : () => {})
  }
}

/** Six bytes of ones, then the address sixteen times. */
function magic(mac: string): Buffer {
  const address = Buffer.from(mac.replaceAll(/[^0-9a-f]/gi, ''), 'hex')
  return Buffer.concat([Buffer.alloc(6, 0xff), ...Array.from({ length: 16 }, () => address)])
}
