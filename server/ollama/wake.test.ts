import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { afterEach, expect, test } from 'vitest'
import { VirtualClock } from '../clock.ts'
import { Waker } from './wake.ts'

const open: (() => void)[] = []
afterEach(() => {
  for (const close of open.splice(0)) close()
})

/** A machine that listens for packets, and one who wakes it. */
async function setup(hosts = ['127.0.0.1']) {
  const machine = createSocket('udp4')
  machine.bind(0, '127.0.0.1')
  await once(machine, 'listening')
  open.push(() => machine.close())
  const packets: Buffer[] = []
  machine.on('message', (packet) => packets.push(packet))
  const clock = new VirtualClock()
  let sent = 0
  const mac = 'AA:bb-cc:00:01:02'
  const waker = new Waker({ clock, mac, hosts, port: machine.address().port, onSent: () => sent++ })
  open.push(() => waker.close())
  return { machine, packets, clock, waker, sent: () => sent }
}

test('the packet is six bytes of ones and the address sixteen times, to every host that is named', async () => {
  const { machine, packets, waker } = await setup(['127.0.0.1', 'localhost'])
  waker.wanted(true)
  while (packets.length < 2) await once(machine, 'message')
  for (const packet of packets) expect(packet.toString('hex')).toBe('ff'.repeat(6) + 'aabbcc000102'.repeat(16))
})

test('it goes out at once, every thirty seconds, ten times in one absence, and anew in the next', async () => {
  const { clock, waker, sent } = await setup()
  waker.wanted(true)
  waker.wanted(true)
  expect(sent()).toBe(1)
  clock.advance(29_999)
  expect(sent()).toBe(1)
  clock.advance(1)
  expect(sent()).toBe(2)
  clock.advance(600_000)
  expect(sent()).toBe(10)
  waker.wanted(true)
  expect(sent()).toBe(10)
  waker.back()
  waker.wanted(true)
  expect(sent()).toBe(11)
})

test('who comes and goes often wakes it no oftener, and hours later it is woken anew', async () => {
  const { clock, waker, sent } = await setup()
  for (let i = 0; i < 20; i++) {
    waker.wanted(true)
    waker.wanted(false)
    clock.advance(100)
  }
  expect(sent()).toBe(1)
  waker.wanted(true)
  clock.advance(28_000)
  expect(sent()).toBe(2)
  clock.advance(3_600_000)
  expect(sent()).toBe(10)
  waker.wanted(false)
  waker.wanted(true)
  expect(sent()).toBe(11)
})

test('nobody who waits, no packet; a host that cannot be reached is nobody’s fault', async () => {
  const { clock, waker, sent } = await setup(['256.256.256.256'])
  waker.wanted(true)
  waker.wanted(false)
  clock.advance(600_000)
  expect(sent()).toBe(1)
})
