// The callers who wait for one job and those who follow it, as many connections of the load generator, and when each of
// them heard that it had ended.

import { connect, type Socket } from 'node:net'
import { get } from './request.ts'

export interface AttachInput {
  port: number
  id: string
  waiters: number
  readers: number
}

/** Milliseconds from the moment that foreman wrote down to the arrival here. */
export interface Heard {
  waiters: number[]
  readers: number[]
}

let sockets: Socket[] = []
let heard: Promise<Heard> | undefined

/** Opens all of them. Resolves when everybody who follows has heard something, and everybody who waits has asked. */
export async function attach({ port, id, waiters, readers }: AttachInput): Promise<void> {
  const all = (many: number, path: string) => Array.from({ length: many }, () => one(port, path))
  const following = all(readers, `/jobs/${id}/events`)
  const waiting = all(waiters, `/jobs/${id}?wait=120`)
  const ends = (some: typeof following) => Promise.all(some.map(({ ended }) => ended))
  heard = Promise.all([ends(waiting), ends(following)]).then(([waiters, readers]) => ({ waiters, readers }))
  await Promise.all([...following.map(({ began }) => began), ...waiting.map(({ sent }) => sent)])
}

/** Resolves when all have heard of the end. */
export async function told(): Promise<Heard> {
  const delays = await heard!
  for (const socket of sockets) socket.destroy()
  sockets = []
  return delays
}

function one(port: number, path: string) {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  sockets.push(socket)
  let text = ''
  const began = new Promise<void>((resolve, reject) => void socket.once('data', () => resolve()).on('error', reject))
  const sent = new Promise<void>((resolve) => void socket.write(get(path), () => resolve()))
  const ended = new Promise<number>((resolve) => {
    socket.on('data', (bytes: Buffer) => {
      text += bytes.toString('latin1')
      const [, at] = /"finished_at":"([^"]+)"/.exec(text) ?? []
      if (at !== undefined) resolve(performance.timeOrigin + performance.now() - Date.parse(at))
    })
  })
  return { began, sent, ended }
}
