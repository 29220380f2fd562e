// A crowd of calls with one that kills servers, at two workers: who is condemned, and how many servers die of it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Call } from '../dialect/call.ts'
import { Fault } from '../fault/fault.ts'
import type { Upstream } from '../fleet/upstream.ts'
import { ManualClock } from '../ground/manual-clock.ts'
import { seededRandom } from '../ground/random.ts'
import type { Log } from '../observe/log.ts'
import { noRecorder } from '../observe/recorder.ts'
import { MemoryQuarantine } from '../store/memory-quarantine.ts'
import type { Order } from './order.ts'
import { PoisonWatch, type Put, type Try } from './poison-watch.ts'

const log = { warn: () => {}, error: () => {} } as unknown as Log
const stepMs = 5
const pieceMs = 20

interface Server {
  readonly upstream: Upstream
  isAlive: boolean
  /** A proxy before it goes on to accept connections. */
  readonly isFronted?: boolean
}

interface Running extends Try {
  contentCount: number
  readonly server: Server
}

interface Caller {
  readonly put: Put & { spokenCount: number }
  readonly watch: PoisonWatch
  readonly isPoison: boolean
  readonly piecesMax: number
  running: Running | null
  waits: Promise<void> | null
  outcome: 'whole' | 'refused' | null
}

class Stage {
  readonly clock = new ManualClock()
  readonly quarantine = new MemoryQuarantine()
  readonly servers: Server[]
  readonly callers: Caller[] = []
  readonly watches: PoisonWatch[]
  #random: ReturnType<typeof seededRandom>
  #count = 0

  constructor(seed: number, serverCount: number) {
    this.#random = seededRandom(seed)
    this.servers = Array.from({ length: serverCount }, (_, i) => ({
      upstream: { name: `s${i}`, url: new URL(`http://s${i}`) } as Upstream,
      isAlive: true,
    }))
    const { clock, quarantine } = this
    const isNobodyAt = (url: URL): Promise<boolean> =>
      Promise.resolve(!this.servers.some(({ upstream, isAlive }) => isAlive && upstream.url.href === url.href))
    const options = { enabled: true, keepMs: 3_600_000 }
    this.watches = [0, 1].map(
      (i) => new PoisonWatch({ clock, quarantine, isNobodyAt, recorder: noRecorder, log, node: `w${i}`, options }),
    )
  }

  get deadCount(): number {
    return this.servers.filter(({ isAlive }) => !isAlive).length
  }

  call(isPoison: boolean, isStream = true): Caller {
    const n = isPoison ? 0 : ++this.#count
    const body = Buffer.from(`{"n":${n}}`)
    const call = { route: 'chat', model: 'm', isStream, body: { bytes: body, whole: () => ({ n }) } } as unknown as Call
    const order = { call, ray: `r${n}` } as unknown as Order
    const watch = this.watches[Math.floor(2 * this.#random.unit())] as PoisonWatch
    const piecesMax = 20 + Math.floor(40 * this.#random.unit())
    const caller = {
      put: { order, spokenCount: 0 },
      watch,
      isPoison,
      piecesMax,
      running: null,
      waits: null,
      outcome: null,
    }
    this.callers.push(caller)
    return caller
  }

  /** As a leg does it. */
  #send(caller: Caller): void {
    const hold = caller.watch.hold(caller.put)
    if (hold instanceof Fault) return void (caller.outcome = 'refused')
    if (hold !== null) return void (caller.waits = hold.finally(() => (caller.waits = null)))
    const alive = this.servers.filter(({ isAlive }) => isAlive)
    const from = Math.floor(alive.length * this.#random.unit())
    const order = [...alive.slice(from), ...alive.slice(0, from)]
    const server = order.find(({ upstream }) => caller.watch.mayEnter(caller.put, upstream))
    if (!server) return
    const { isStream } = caller.put.order.call
    caller.running = { server, beganMs: this.clock.monotonicMs(), contentCount: 0, isStream }
    caller.watch.sent(caller.put, caller.running)
  }

  #end(caller: Caller, running: Running, fault: Fault | null): void {
    caller.running = null
    caller.watch.ended(caller.put, running, running.server.upstream, fault)
    if (running.isStream) caller.put.spokenCount += running.contentCount
  }

  async step(): Promise<void> {
    for (const caller of this.callers) {
      if (caller.outcome !== null || caller.waits !== null) continue
      const { running } = caller
      if (!running) {
        this.#send(caller)
        continue
      }
      const ageMs = this.clock.monotonicMs() - running.beganMs
      if (caller.isPoison && ageMs >= 15) this.kill(running.server)
      else if (caller.put.spokenCount + ageMs / pieceMs >= caller.piecesMax) {
        this.#end(caller, running, null)
        caller.outcome = 'whole'
      } else if (running.isStream) running.contentCount = Math.floor(ageMs / pieceMs)
    }
    this.clock.advance(stepMs)
    for (let i = 0; i < 6; i++) await Promise.resolve()
  }

  kill(server: Server): void {
    server.isAlive = false
    for (const caller of this.callers) {
      const { running } = caller
      if (running?.server === server) this.#end(caller, running, new Fault('HF_UPSTREAM_RESET'))
    }
  }
}

test('a call that kills servers kills two, seldom three in a crowd, and nobody else is condemned', async (t) => {
  const deaths: number[] = []
  for (let seed = 1; seed <= 60; seed++) {
    const stage = new Stage(seed, 5)
    for (let i = 0; i < 16; i++) stage.call(false, i % 3 > 0)
    for (let i = 0; i < 20; i++) await stage.step()
    const poison = stage.call(true)
    for (let i = 0; i < 600; i++) {
      if (i % 10 === 0) stage.call(false, i % 20 > 0)
      await stage.step()
    }
    const again = stage.call(true)
    await stage.step()
    assert.deepEqual([poison.outcome, again.outcome], ['refused', 'refused'], `seed ${seed}`)
    const others = stage.callers.filter(({ isPoison }) => !isPoison)
    assert.deepEqual(others.filter(({ outcome }) => outcome === 'refused').length, 0, `seed ${seed}`)
    assert.equal(stage.quarantine.condemned(stage.clock.nowMs()).length, 1)
    deaths.push(stage.deadCount)
  }
  const twoCount = deaths.filter((count) => count === 2).length
  t.diagnostic(`two servers died in ${twoCount} of ${deaths.length} runs, ${Math.max(...deaths)} at most`)
  assert.ok(twoCount >= 0.9 * deaths.length && Math.max(...deaths) <= 3)
})

test('servers that are killed one after the other condemn nobody', async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const stage = new Stage(seed, 6)
    for (let i = 0; i < 18; i++) stage.call(false, i % 3 > 0)
    for (let i = 0; i < 2000; i++) {
      const server = i % 400 === 200 ? stage.servers[Math.floor(i / 400)] : undefined
      if (server && stage.deadCount < 5) stage.kill(server)
      if (i % 10 === 0) stage.call(false, i % 20 > 0)
      await stage.step()
    }
    assert.equal(stage.quarantine.condemned(stage.clock.nowMs()).length, 0, `seed ${seed}`)
  }
})

test('a connection that breaks where somebody is at home is no death, nor is one that was old', async () => {
  const stage = new Stage(1, 3)
  const caller = stage.call(false)
  const [server] = stage.servers as [Server]
  for (const ageMs of [10, 31_000]) {
    const running = { server, beganMs: stage.clock.monotonicMs() - ageMs, contentCount: 0, isStream: true }
    server.isAlive = ageMs === 10
    caller.watch.ended(caller.put, running, server.upstream, new Fault('HF_UPSTREAM_RESET'))
    for (let i = 0; i < 200; i++) {
      stage.clock.advance(stepMs)
      await Promise.resolve()
    }
    assert.equal(caller.watch.isCalm, true)
  }
})
