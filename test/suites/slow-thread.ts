/**
 * Slow attackers from many addresses, in a thread of their own: what slowhttptest does from one address, from as many
 * as there are connections, so that no limit by address meets them. Connections that are closed are not replaced.
 */
import { connect, type Socket } from 'node:net'
import { isMainThread, parentPort, workerData } from 'node:worker_threads'

export const slowWays = ['headers', 'bodies', 'ranges', 'reading'] as const
export type SlowWay = (typeof slowWays)[number]

export interface SlowOrder {
  readonly port: number
  readonly way: SlowWay
  readonly connections: number
  readonly perSecond: number
  /** What is asked for where an answer is wanted. */
  readonly path: string
}

export interface SlowTold {
  connected: number
  /** Open now. */
  open: number
  /** The most that were open at once. */
  openMost: number
  readonly answers: Record<string, number>
}

const everyMs = 2000
const tickMs = 20
/** Taken of an answer at a time. */
const readBytes = 32
const ranges = Array.from({ length: 2990 }, (_, i) => `10-${11 + i}`).join(',')

const beginnings: Record<SlowWay, (path: string) => string> = {
  headers: (path) => `GET ${path} HTTP/1.1\r\nhost: a\r\n`,
  bodies: () =>
    'POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 8192\r\n\r\n{',
  ranges: (path) => `HEAD ${path} HTTP/1.1\r\nhost: a\r\nrange: bytes=${ranges}\r\n\r\n`,
  reading: (path) => `GET ${path} HTTP/1.1\r\nhost: a\r\n\r\n`,
}

/** What follows every other second; nothing where it only reads. */
const drips: Record<SlowWay, (path: string) => string> = {
  headers: () => 'x-drip: drip\r\n',
  bodies: () => '          ',
  ranges: beginnings.ranges,
  reading: () => '',
}

function attack(order: SlowOrder, told: SlowTold, number: number): void {
  const { port, way, path } = order
  const localAddress = `127.20.${Math.floor(number / 10) % 250}.${1 + (number % 10) + 10 * Math.floor(number / 2500)}`
  const socket: Socket = connect({ port, host: '127.0.0.1', localAddress })
  socket.on('error', () => {})
  socket.once('connect', () => {
    told.connected++
    told.openMost = Math.max(told.openMost, ++told.open)
    socket.once('close', () => told.open--)
    socket.write(beginnings[way](path))
  })
  let isFirst = true
  const take = (bytes: Buffer | null): void => {
    if (bytes === null || !isFirst) return
    const status = /^HTTP\/1\.1 (\d{3})/.exec(bytes.toString('latin1', 0, 12))?.[1] ?? 'other'
    told.answers[status] = (told.answers[status] ?? 0) + 1
    isFirst = way === 'ranges'
  }
  if (way !== 'reading') socket.on('data', take)
  const drip = setInterval(() => {
    if (way === 'reading') take(socket.read(readBytes) as Buffer | null)
    else if (socket.writable) socket.write(drips[way](path))
  }, everyMs)
  socket.once('close', () => clearInterval(drip))
}

if (!isMainThread && parentPort) {
  const order = workerData as SlowOrder
  const told: SlowTold = { connected: 0, open: 0, openMost: 0, answers: {} }
  const parent = parentPort
  parent.on('message', () => parent.postMessage(told, []))
  let begun = 0
  const beganMs = performance.now()
  const begin = setInterval(() => {
    const due = Math.min(order.connections, ((performance.now() - beganMs) * order.perSecond) / 1000)
    while (begun < due) attack(order, told, begun++)
    if (begun >= order.connections) clearInterval(begin)
  }, tickMs)
}
