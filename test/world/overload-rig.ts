/**
 * More calls than places, in simulated time: the production line and gates before simulated engines, without sockets.
 * Arrivals are Poisson, answers log-normal in length, and the gateway does not know how long one will be.
 */
import { Engine } from '../../lab/engine.ts'
import { Load } from '../../src/fleet/load.ts'
import { Speed } from '../../src/fleet/speed.ts'
import type { FaultCode } from '../../src/fault/code.ts'
import { ManualClock } from '../../src/ground/manual-clock.ts'
import { type Random, seededRandom } from '../../src/ground/random.ts'
import { Gate } from '../../src/relay/overload/gate.ts'
import { Line, type LineCall } from '../../src/relay/overload/line.ts'
import { overloadSchema } from '../../src/relay/overload/overload-options.ts'
import { type Tier, tiers } from '../../src/relay/overload/tier.ts'

export interface RigOptions {
  readonly limits: 'adaptive' | 'fixed' | 'off'
  /** Offered load over what the engines can do. */
  readonly load: number
  readonly seed?: number
  readonly engines?: number
  readonly slots?: number
  /** Tokens a second of a sequence that runs alone. */
  readonly decodeRate?: number
  readonly seconds?: number
}

export interface TierResult {
  readonly offered: number
  /** Whole within their deadline. */
  readonly good: number
  /** By tenant. */
  readonly goodOf: ReadonlyMap<string, number>
  readonly refused: ReadonlyMap<FaultCode, number>
  readonly etasHeld: number
  readonly etasMissed: number
}

export interface RigResult {
  readonly tiers: Readonly<Record<Tier, TierResult>>
  /** Tokens of good answers over what the engines could have made. */
  readonly goodput: number
}

/** Mean tokens of an answer; log-normal around a median of 72, cut at 300. */
const outputMean = 92
const promptMean = 265
const prefillRate = 20_000
const batchCost = 0.02
/** The beginning and the end of a run are not counted. */
const warmMs = 20_000
const tailMs = 60_000
const deadlineMs: Readonly<Record<Tier, number>> = { premium: 15_000, standard: 15_000, batch: 60_000 }

interface Server {
  readonly engine: Engine
  readonly load: Load
  readonly speed: Speed
  readonly gate: Gate
}

interface Counts {
  offered: number
  good: number
  readonly goodOf: Map<string, number>
  readonly refused: Map<FaultCode, number>
}

export function runOverload(options: RigOptions): RigResult {
  return new Rig(options).run()
}

class Rig {
  #clock = new ManualClock()
  #random: Random
  #options: Required<RigOptions>
  #line: Line
  #servers: Server[]
  #counts = new Map<Tier, Counts>()
  #goodTokens = 0
  #callCount = 0

  constructor(options: RigOptions) {
    this.#options = { seed: 1, engines: 3, slots: 32, decodeRate: 60, seconds: 240, ...options }
    const { seed, engines, slots, decodeRate, limits } = this.#options
    this.#random = seededRandom(seed)
    const overload = overloadSchema.parse({ limits, callsMax: slots })
    const adaptive = overloadSchema.parse({ limits })
    this.#line = new Line(this.#clock, this.#random, overload)
    this.#servers = Array.from({ length: engines }, () => {
      const load = new Load()
      const clock = this.#clock
      const engine = new Engine({ clock, slots, decodeRate, prefillRate, batchCost, kvBlocks: 1e6, waitingMax: 1e6 })
      const gate = new Gate({ load, waitingInside: null, callsElsewhere: 0 }, limits === 'fixed' ? overload : adaptive)
      return { engine, load, gate, speed: new Speed() }
    })
    for (const tier of tiers) this.#counts.set(tier, { offered: 0, good: 0, goodOf: new Map(), refused: new Map() })
  }

  /** Calls a second that all engines together can answer. */
  get #capacity(): number {
    const { engines, slots } = this.#options
    return engines / ((outputMean * this.#stepSeconds) / slots + promptMean / prefillRate)
  }

  get #stepSeconds(): number {
    const { slots, decodeRate } = this.#options
    return (1 + batchCost * (slots - 1)) / decodeRate
  }

  run(): RigResult {
    const { seconds } = this.#options
    this.#clock.every(250, () => {
      for (const { gate } of this.#servers) gate.look(this.#clock.monotonicMs())
    })
    this.#arrive()
    for (let ms = 0; ms < seconds * 1000; ms += 100) this.#clock.advance(100)
    this.#line[Symbol.dispose]()
    const countedSeconds = (seconds * 1000 - warmMs - tailMs) / 1000
    return {
      tiers: {
        premium: this.#resultOf('premium', 0),
        standard: this.#resultOf('standard', 1),
        batch: this.#resultOf('batch', 2),
      },
      goodput: this.#goodTokens / countedSeconds / (this.#capacity * outputMean),
    }
  }

  #resultOf(tier: Tier, rank: number): TierResult {
    const forecasts = this.#line.forecasts[rank]
    return {
      ...this.#countsOf(tier),
      etasHeld: forecasts?.heldCount ?? 0,
      etasMissed: forecasts?.missedCount ?? 0,
    }
  }

  #arrive(): void {
    const gapMs = (-Math.log(1 - this.#random.unit()) * 1000) / (this.#options.load * this.#capacity)
    this.#clock.after(gapMs, () => {
      this.#offer()
      this.#arrive()
    })
  }

  #offer(): void {
    const nowMs = this.#clock.monotonicMs()
    const isCounted = nowMs > warmMs && nowMs < this.#options.seconds * 1000 - tailMs
    const drawn = this.#random.unit()
    const tier = drawn < 0.15 ? 'premium' : drawn < 0.7 ? 'standard' : 'batch'
    // Of four callers of the middle tier one asks for more than the others together.
    const tenant = this.#random.unit() < 0.6 ? 'greedy' : `modest${Math.floor(this.#random.unit() * 3)}`
    const counts = this.#countsOf(tier)
    if (isCounted) counts.offered++
    const outputTokens = Math.round(clamp(72 * Math.exp(0.8 * this.#normal()), 4, 300))
    const promptTokens = Math.round(clamp(200 * Math.exp(0.8 * this.#normal()), 16, 8000))
    const expected = { promptTokens, outputTokens: outputMean }
    const call: LineCall = {
      tier,
      tenant,
      placeKey: 'm',
      work: this.#servers[0]?.gate.workOf(expected) ?? outputMean,
      startByMs: nowMs + deadlineMs[tier] - 2000 * outputMean * this.#stepSeconds,
      hasPlace: () => this.#servers.some(({ gate }) => gate.hasRoom),
      refuse: ({ code }) => void (isCounted && counts.refused.set(code, (counts.refused.get(code) ?? 0) + 1)),
      admit: () => {
        this.#send(expected, outputTokens, () => {
          if (!isCounted || this.#clock.monotonicMs() > nowMs + deadlineMs[tier]) return
          counts.good++
          counts.goodOf.set(tenant, (counts.goodOf.get(tenant) ?? 0) + 1)
          this.#goodTokens += outputTokens
        })
      },
    }
    const fault = this.#line.offer(call)
    if (fault) call.refuse(fault)
  }

  #send(size: { promptTokens: number; outputTokens: number }, outputTokens: number, done: () => void): void {
    const open = this.#servers.filter(({ gate }) => gate.hasRoom)
    const [server] = (open.length > 0 ? open : this.#servers).toSorted((a, b) => a.load.calls - b.load.calls)
    if (!server) return
    const { engine, gate, speed, load } = server
    const passage = gate.enter(speed, size, this.#clock.monotonicMs())
    const first = this.#callCount++ * 16_384
    const promptIds = Array.from({ length: size.promptTokens }, (_, i) => first + i)
    let firstTokenMs: number | null = null
    engine.submit(
      { promptIds, count: outputTokens, idAt: (at) => first + 8192 + at, endReason: 'stop' },
      {
        onTokens: (count) => {
          if (firstTokenMs === null) passage.firstToken((firstTokenMs = this.#clock.monotonicMs()))
          passage.progress(count)
        },
        onEnd: () => {
          const tookMs = this.#clock.monotonicMs() - (firstTokenMs ?? 0)
          if (outputTokens > 8) speed.observeGap(load.calls, tookMs / (outputTokens - 1))
          passage.end()
          done()
          this.#line.serve()
        },
      },
    )
  }

  #countsOf(tier: Tier): Counts {
    return this.#counts.get(tier) as Counts
  }

  #normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.#random.unit()))
    return radius * Math.cos(2 * Math.PI * this.#random.unit())
  }
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(max, Math.max(min, value))
}
