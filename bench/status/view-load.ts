/**
 * The readers of the status page's bench, a process of its own: `node view-load.ts '<ViewOrder as JSON>'` prints one line
 * of JSON (`ViewResult`). Open loop: views come at Poisson moments, whatever became of those before, and their delay is
 * counted from the moment when each was meant to be asked for.
 */
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { seededRandom } from '../../src/ground/random.ts'
import { quantile } from '../statistics.ts'

export interface ViewOrder {
  readonly port: number
  readonly viewsPerSecond: number
  readonly seconds: number
  /** Not counted at the beginning. */
  readonly settleSeconds: number
  /** Of the views, those on a connection of their own; the others share what is open. */
  readonly freshShare: number
  readonly seed: number
}

export interface ViewResult {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p90Ms: number
  readonly p99Ms: number
  readonly maxMs: number
  readonly counted: number
  /** Answers that were not whole, or none. */
  readonly errors: number
  readonly firstError: string
  readonly unchanged: number
  readonly bytesPerView: number
  readonly connectionsMax: number
  /** Of this process. */
  readonly cpuMs: number
  /** How late views were asked for, 99th percentile: what this process itself was late. */
  readonly lagP99Ms: number
}

/** What people and their browsers ask for: a page, a page that they have, another page, a file. */
const wishes = [
  { share: 0.7, path: '/', isKnown: false },
  { share: 0.15, path: '/', isKnown: true },
  { share: 0.08, path: '/history', isKnown: false },
  { share: 0.07, path: '/style.css', isKnown: false },
] as const
const openMax = 1000
const answerMs = 5000

const order = JSON.parse(process.argv[2] ?? '{}') as ViewOrder
const random = seededRandom(order.seed)
const idle: Connection[] = []
const delaysMs: number[] = []
const lagsMs: number[] = []
const tally = { errors: 0, unchanged: 0, bytes: 0, open: 0, openMost: 0 }
let firstError = ''
let etag = ''

function fail(words: string): void {
  tally.errors++
  firstError ||= words
}

class Connection {
  #socket: Socket
  #got: Buffer = Buffer.alloc(0)
  #wanted = -1
  #plannedMs = 0
  #isFresh: boolean
  #isBusy = false
  #isCounted = false

  constructor(isFresh: boolean) {
    this.#isFresh = isFresh
    tally.openMost = Math.max(tally.openMost, ++tally.open)
    this.#socket = connect(order.port, '127.0.0.1').setNoDelay(true)
    this.#socket.on('data', (bytes: Buffer) => this.#take(bytes))
    this.#socket.on('error', (error) => this.#isBusy && fail(error.message))
    this.#socket.on('close', () => {
      tally.open--
      const at = idle.indexOf(this)
      if (at !== -1) idle.splice(at, 1)
      if (this.#isBusy) fail('closed before the answer')
    })
    this.#socket.setTimeout(answerMs, () => this.#socket.destroy())
  }

  ask(plannedMs: number, isCounted: boolean): void {
    const at = random.unit()
    let sum = 0
    const { path, isKnown } = wishes.find(({ share }) => (sum += share) > at) ?? wishes[0]
    const known = isKnown && etag !== '' ? `if-none-match: ${etag}\r\n` : ''
    const end = this.#isFresh ? 'connection: close\r\n' : ''
    this.#plannedMs = plannedMs
    this.#isBusy = true
    this.#isCounted = isCounted
    this.#socket.write(
      `GET ${path} HTTP/1.1\r\nhost: status.example\r\naccept-encoding: gzip, br\r\naccept-language: en\r\n${known}${end}\r\n`,
    )
  }

  #take(bytes: Buffer): void {
    this.#got = this.#got.length === 0 ? bytes : Buffer.concat([this.#got, bytes])
    if (this.#wanted === -1) {
      const end = this.#got.indexOf('\r\n\r\n')
      if (end === -1) return
      const head = this.#got.toString('latin1', 0, end)
      const isUnchanged = head.startsWith('HTTP/1.1 304')
      if (!isUnchanged && !head.startsWith('HTTP/1.1 200')) fail(head.slice(0, 40))
      if (isUnchanged) tally.unchanged++
      else etag ||= /^etag: (.+)$/im.exec(head)?.[1]?.trim() ?? ''
      this.#wanted = end + 4 + (isUnchanged ? 0 : Number(/^content-length: (\d+)$/im.exec(head)?.[1] ?? Number.NaN))
    }
    if (this.#got.length < this.#wanted) return
    if (this.#isCounted) delaysMs.push(performance.now() - this.#plannedMs)
    tally.bytes += this.#got.length
    this.#got = Buffer.alloc(0)
    this.#wanted = -1
    this.#isBusy = false
    if (this.#isFresh) this.#socket.destroy()
    else idle.push(this)
  }
}

const beganMs = performance.now()
const endMs = order.seconds * 1000
let plannedMs = 0
let asked = 0
while (plannedMs < endMs) {
  const nowMs = performance.now() - beganMs
  while (plannedMs <= nowMs && plannedMs < endMs) {
    const isCounted = plannedMs >= order.settleSeconds * 1000
    const isFresh = random.unit() < order.freshShare
    asked++
    if (isCounted) lagsMs.push(nowMs - plannedMs)
    const held = isFresh ? undefined : idle.pop()
    if (held) held.ask(beganMs + plannedMs, isCounted)
    else if (tally.open < openMax) new Connection(isFresh).ask(beganMs + plannedMs, isCounted)
    else fail('too many connections are open')
    plannedMs += (-Math.log(1 - random.unit()) * 1000) / order.viewsPerSecond
  }
  await sleep(1)
}
const spanSeconds = order.seconds - order.settleSeconds
for (let turn = 0; turn < 50 && tally.open > idle.length; turn++) await sleep(100)
const { user, system } = process.cpuUsage()
const result: ViewResult = {
  perSecond: delaysMs.length / spanSeconds,
  p50Ms: quantile(delaysMs, 0.5),
  p90Ms: quantile(delaysMs, 0.9),
  p99Ms: quantile(delaysMs, 0.99),
  maxMs: quantile(delaysMs, 1),
  counted: delaysMs.length,
  errors: tally.errors,
  firstError,
  unchanged: tally.unchanged,
  bytesPerView: tally.bytes / asked,
  connectionsMax: tally.openMost,
  cpuMs: (user + system) / 1000,
  lagP99Ms: quantile(lagsMs, 0.99),
}
process.stdout.write(`${JSON.stringify(result)}\n`)
process.exit(0)
