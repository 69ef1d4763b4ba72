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
/** In one absence; a machine that did not hear so many will not hear the next one. */
const most = 10

export class Waker {
  readonly #options: WakerOptions
  #times = 0
  #cancel: (() => void) | undefined

  constructor(options: WakerOptions) {
    this.#options = options
  }

  /** Whether somebody waits for a target that is away. */
  wanted(on: boolean): void {
    if (!on) return this.#stop()
    if (this.#cancel === undefined && this.#times < most) this.#send()
  }

  /** The target is back: the next absence is another one. */
  back(): void {
    this.#stop()
    this.#times = 0
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
    onSent?.(++this.#times)
    const again = () => {
      this.#cancel = undefined
      this.wanted(true)
    }
    this.#cancel = clock.at(clock.now() + every_ms, this.#times < most ? again : () => {})
  }
}

/** Six bytes of ones, then the address sixteen times. */
function magic(mac: string): Buffer {
  const address = Buffer.from(mac.replaceAll(/[^0-9a-f]/gi, ''), 'hex')
  return Buffer.concat([Buffer.alloc(6, 0xff), ...Array.from({ length: 16 }, () => address)])
}
