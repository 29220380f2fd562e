// Tests of the line before a pool: who is let in, who waits, who is sent away with which words, and what they are told.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Fault } from '../../fault/fault.ts'
import { ManualClock } from '../../ground/manual-clock.ts'
import { seededRandom } from '../../ground/random.ts'
import { Line, type LineCall } from './line.ts'
import { overloadSchema } from './overload-options.ts'
import type { Tier } from './tier.ts'

class Pool {
  readonly clock = new ManualClock()
  readonly line: Line
  /** Calls that may be under way. */
  places = 1
  readonly admitted: Call[] = []

  constructor(options: object = {}) {
    this.line = new Line(this.clock, seededRandom(7), overloadSchema.parse(options))
  }

  /** A call that comes now. */
  offer(name: string, tier: Tier = 'standard', options: Partial<LineCall> = {}): Call {
    const call = new Call(this, name, tier, options)
    call.fault = this.line.offer(call)
    return call
  }

  /** The call that was let in first is done. */
  finish(): void {
    this.places++
    this.line.serve()
  }

  /** One is done each so many milliseconds. */
  run(count: number, everyMs: number): void {
    for (let i = 0; i < count; i++) {
      this.clock.advance(everyMs)
      this.finish()
    }
  }

  get names(): string[] {
    return this.admitted.map(({ name }) => name)
  }
}

class Call implements LineCall {
  readonly name: string
  readonly tier: Tier
  readonly tenant: string
  readonly work = 100
  readonly startByMs: number
  readonly placeKey: string
  fault: Fault | null = null
  #pool: Pool

  constructor(pool: Pool, name: string, tier: Tier, options: Partial<LineCall>) {
    this.#pool = pool
    this.name = name
    this.tier = tier
    this.tenant = options.tenant ?? name
    this.startByMs = options.startByMs ?? pool.clock.monotonicMs() + 600_000
    this.placeKey = options.placeKey ?? 'm'
  }

  hasPlace(): boolean {
    return this.#pool.places > 0
  }

  admit(): void {
    this.#pool.places--
    this.#pool.admitted.push(this)
  }

  refuse(fault: Fault): void {
    this.fault = fault
  }
}

test('while there is a place nobody waits; then they wait, and are served as places come', () => {
  const pool = new Pool()
  for (const name of ['a', 'b', 'c']) pool.offer(name)
  assert.deepEqual([pool.names, pool.line.waitingCount], [['a'], 2])
  pool.finish()
  pool.finish()
  assert.deepEqual([pool.names, pool.line.waitingCount], [['a', 'b', 'c'], 0])
})

test('premium goes first, batch last, and batch is not forgotten', () => {
  const pool = new Pool({ floorPercent: 10 })
  pool.offer('first')
  for (let i = 0; i < 4; i++) pool.offer(`batch${i}`, 'batch', { tenant: 'b' })
  for (let i = 0; i < 40; i++) pool.offer(`standard${i}`, 'standard', { tenant: 's' })
  pool.offer('premium', 'premium')
  pool.run(31, 10)
  assert.equal(pool.names[1], 'premium')
  const batch = pool.names.filter((name) => name.startsWith('batch')).length
  assert.ok(batch >= 2 && batch <= 4, `${batch} of 31`)
})

test('batch calls whose servers were full for long do not come before all others afterwards', () => {
  const pool = new Pool({ floorPercent: 10 })
  let isOpen = false
  const elsewhere = (name: string, tier: Tier): void => {
    const call = new Call(pool, name, tier, { placeKey: 'full for long' })
    call.hasPlace = () => isOpen && pool.places > 0
    pool.line.offer(call)
  }
  for (let i = 0; i < 40; i++) elsewhere(`batch${i}`, 'batch')
  for (let i = 0; i < 400; i++) {
    pool.places = 1
    pool.offer(`standard${i}`)
  }
  for (let i = 0; i < 40; i++) elsewhere(`premium${i}`, 'premium')
  pool.admitted.length = 0
  isOpen = true
  pool.run(20, 10)
  const batch = pool.names.filter((name) => name.startsWith('batch')).length
  assert.ok(batch >= 1 && batch <= 4, pool.names.join(' '))
})

test('one that comes while others wait does not slip past them into a place that has just become free', () => {
  const pool = new Pool()
  pool.offer('a')
  pool.offer('b')
  pool.places++
  pool.offer('late')
  pool.line.serve()
  assert.deepEqual(pool.names, ['a', 'b'])
})

test('a call that can no longer be begun in time is sent away, with the time after which to come back', () => {
  const pool = new Pool()
  pool.offer('a')
  const late = pool.offer('late', 'standard', { startByMs: 1000 })
  assert.equal(pool.line.waitingCount, 1)
  pool.clock.advance(1200)
  assert.equal(late.fault?.code, 'HF_QUEUE_TIMEOUT')
  assert.ok((late.fault?.retryAfterMs ?? 0) >= 1000)
  assert.equal(pool.line.waitingCount, 0)
})

test('once the pace is known, what cannot be done in time is refused at once', () => {
  const pool = new Pool()
  pool.offer('a')
  for (let i = 0; i < 30; i++) pool.offer(`w${i}`, 'standard', { tenant: 'w' })
  pool.run(10, 500)
  const nowMs = pool.clock.monotonicMs()
  const hasty = pool.offer('hasty', 'standard', { tenant: 'w', startByMs: nowMs + 3000 })
  assert.equal(hasty.fault?.code, 'HF_DEADLINE_TOO_SHORT')
  // Twenty of half a second each come before it.
  const toldMs = hasty.fault?.retryAfterMs ?? 0
  assert.ok(toldMs > 7000 && toldMs < 17_000, `${toldMs}`)
  assert.equal(pool.offer('patient', 'premium', { startByMs: nowMs + 3000 }).fault, null)
  assert.equal(pool.offer('other', 'standard', { startByMs: nowMs + 3000 }).fault, null, 'its turn comes soon')
})

test('no wait that is told is longer than a minute, whatever lies ahead', () => {
  const pool = new Pool({ waitingMax: 10_000, waitMs: { premium: 3_600_000 } })
  pool.offer('a')
  for (let i = 0; i < 500; i++) pool.offer(`w${i}`, 'premium', { tenant: 'w' })
  pool.run(10, 5000)
  const told = ['b', 'c', 'd'].map((name) => pool.offer(name).fault?.retryAfterMs ?? 0)
  assert.ok(
    told.every((ms) => ms > 45_000 && ms <= 60_000),
    told.join(', '),
  )
  assert.equal(new Set(told).size, 3, 'nor do all come back at once')
})

test('a pool that hung until all had been sent away is waited for again when it is back', () => {
  const pool = new Pool()
  pool.offer('a')
  for (let i = 0; i < 10; i++) pool.offer(`w${i}`)
  pool.run(10, 500)
  for (const tier of ['premium', 'batch'] as const) pool.offer(tier, tier)
  pool.clock.advance(300_000)
  assert.equal(pool.line.waitingCount, 0)
  const later = Array.from({ length: 40 }, (_, i) => {
    const [call] = [pool.offer(`later${i}`), pool.offer(`other${i}`)]
    pool.run(2, 500)
    return call
  })
  assert.ok(
    later.every(({ fault }) => fault === null),
    'somebody may wait',
  )
  assert.equal(pool.offer('one').fault ?? pool.offer('two').fault, null, 'and not one only')
})

test('nobody is told of an hour in the first seconds of a line, of which hardly anything is known', () => {
  const pool = new Pool()
  pool.places = 32
  const told: number[] = []
  for (let ms = 0; ms < 6000; ms += 20) {
    const tier = (['premium', 'standard', 'standard', 'batch'] as const)[(ms / 20) % 4] as Tier
    if (ms < 2000) pool.offer(`c${ms}`, tier, { tenant: tier })
    // The first answers come after two seconds; then fifteen a second, of a hundred that wait.
    pool.clock.advance(20)
    if (ms >= 2000 && ms % 60 === 0) pool.finish()
    if (ms % 500 === 0) told.push(pool.offer(`late${ms}`, 'standard', { tenant: 'standard' }).fault?.retryAfterMs ?? 0)
  }
  assert.ok(Math.max(...told) < 15_000, told.join(', '))
})

test('of the two limits to a wait the nearer one is told of', () => {
  const pool = new Pool()
  pool.offer('a')
  for (let i = 0; i < 60; i++) pool.offer(`w${i}`, 'standard', { tenant: 'w' })
  pool.run(10, 1000)
  const nowMs = pool.clock.monotonicMs()
  const offer = (leftMs: number): string | undefined =>
    pool.offer('b', 'standard', { tenant: 'w', startByMs: nowMs + leftMs }).fault?.code
  assert.deepEqual([offer(5000), offer(30_000)], ['HF_DEADLINE_TOO_SHORT', 'HF_OVERLOADED'])
})

test('under a standing line standard calls wait no longer than a little, and those who wait are not sent away', () => {
  const pool = new Pool({ standingMs: 3000, standingWaitMs: 1000 })
  pool.offer('a')
  const waiting = Array.from({ length: 20 }, (_, i) => pool.offer(`w${i}`, 'standard', { tenant: 'w' }))
  pool.run(8, 500)
  assert.equal(pool.offer('b', 'standard', { tenant: 'w' }).fault?.code, 'HF_OVERLOADED')
  pool.run(13, 500)
  assert.ok(waiting.every(({ fault }) => fault === null))
})

test('a line that is full sends away the lowest tier, not the one that comes', () => {
  const pool = new Pool({ waitingMax: 2 })
  pool.offer('a')
  const [batch, standard] = [pool.offer('b', 'batch'), pool.offer('s')]
  const premium = pool.offer('p', 'premium')
  assert.deepEqual([premium.fault, standard.fault, batch.fault?.code], [null, null, 'HF_OVERLOADED'])
  assert.equal(pool.offer('s2').fault?.code, 'HF_OVERLOADED')
})

test('a call that leaves makes room, and the last one stops the timers', () => {
  const pool = new Pool()
  pool.offer('a')
  const [b, c] = [pool.offer('b'), pool.offer('c')]
  pool.line.leave(b)
  pool.finish()
  assert.deepEqual(pool.names, ['a', 'c'])
  pool.line.leave(c)
  assert.equal(pool.clock.timerCount, 0)
})

test('a wall clock that jumps changes nothing', () => {
  const pool = new Pool()
  pool.offer('a')
  const waiting = pool.offer('b')
  for (const ms of [3_600_000, -7_200_000, 1e12]) {
    pool.clock.jumpMs(ms)
    pool.clock.advance(500)
  }
  assert.equal(waiting.fault, null)
  pool.finish()
  assert.deepEqual(pool.names, ['a', 'b'])
})
