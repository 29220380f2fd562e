/**
 * A simulated deployment under traffic, as far as the judge can see it: rates that go with the hour, callers of
 * their own habits, heavy tails, replicas that are slow when busy, cold when new and unlucky now and then.
 */
import { observe } from '../../src/control/deploy/sketch.ts'
import { type ReleaseLook, type ReplicaLook, stratumOf } from '../../src/control/deploy/release-look.ts'
import type { Behaviour } from './behaviour.ts'
import { Chance } from './chance.ts'

/** Calls of a look that are really drawn; the rest would tell the same. */
const drawnMax = 160
const hourMs = 3_600_000
const memoryBytesMax = 24e9

interface Habits {
  readonly answerMedian: number
  readonly promptMedian: number
}

interface Replica {
  readonly name: string
  readonly hostFactor: number
  readonly warmBytes: number
  readonly warmCalls: number
  readonly noise: number
  /** Logarithm of how busy it is beside the others. */
  busy: number
  /** Whose calls it has many of just now. */
  caller: number
  callerMsLeft: number
  hiccupMsLeft: number
  downMsLeft: number
  served: number
}

/** What a release is asked in one look. */
export interface Share {
  readonly share: number
  readonly replicas: readonly Replica[]
}

type MutableLook = { -readonly [Key in keyof ReleaseLook]: ReleaseLook[Key] }

export class World {
  readonly replicaCount: number
  readonly callsPerReplicaHour: number
  #chance: Chance
  #callsPerSecond: number
  #phase: number
  #drift = 0
  #ms = 0
  #shockMsLeft = 0
  #habits: readonly Habits[]
  #hasTools: boolean
  #tokenMs: number
  #readPerSecond: number
  #knee: number
  #usual: { failed: number; truncated: number; refused: number; empty: number; toolBroken: number }
  #names = 0
  /** Calls that one drawn stands for. */
  #weight = 1
  #harmed = 0

  constructor(seed: number, callsPerSecond: readonly [number, number]) {
    const chance = new Chance(seed)
    this.#chance = chance
    this.#callsPerSecond = chance.scale(...callsPerSecond)
    this.replicaCount = Math.min(64, Math.max(2, Math.round(this.#callsPerSecond / chance.scale(0.6, 3))))
    this.callsPerReplicaHour = (this.#callsPerSecond / this.replicaCount) * 3600
    this.#phase = chance.unit()
    const [answers, prompts] = [chance.scale(120, 400), chance.scale(300, 1500)]
    this.#habits = Array.from({ length: 2 + Math.floor(chance.unit() * 30) }, () => ({
      answerMedian: chance.spread(answers, 0.4),
      promptMedian: chance.spread(prompts, 0.6),
    }))
    this.#hasTools = chance.unit() < 0.4
    this.#tokenMs = chance.scale(8, 30)
    this.#readPerSecond = chance.scale(2000, 15_000)
    this.#knee = chance.between(1.3, 2.5) * this.#inHand(this.#callsPerSecond / this.replicaCount, 1)
    this.#usual = {
      failed: chance.scale(0.0005, 0.01),
      truncated: chance.between(0.01, 0.12),
      refused: chance.between(0.002, 0.02),
      empty: chance.scale(0.0005, 0.005),
      toolBroken: chance.scale(0.002, 0.03),
    }
  }

  newReplica(): Replica {
    const chance = this.#chance
    return {
      name: `r${this.#names++}`,
      hostFactor: chance.spread(1, 0.03),
      warmBytes: chance.between(0, 0.03) * memoryBytesMax,
      warmCalls: chance.scale(20, 150),
      noise: chance.scale(0.0005, 0.003) * memoryBytesMax,
      ...{ busy: 0, caller: 0, callerMsLeft: 0, hiccupMsLeft: 0, downMsLeft: 0, served: 0 },
    }
  }

  /** Time goes by for all. */
  pass(ms: number, replicas: readonly Replica[]): void {
    const chance = this.#chance
    this.#ms += ms
    this.#drift = this.#drift * 0.95 + 0.04 * chance.normal()
    this.#shockMsLeft = Math.max(0, this.#shockMsLeft - ms)
    // The network of all, for half a minute, every third hour or so.
    if (chance.unit() < ms / (3 * hourMs)) this.#shockMsLeft = chance.scale(10_000, 60_000)
    for (const each of replicas) {
      const keep = Math.exp(-ms / 60_000)
      each.busy = each.busy * keep + 0.3 * Math.sqrt(1 - keep * keep) * chance.normal()
      each.callerMsLeft -= ms
      if (each.callerMsLeft <= 0) {
        each.caller = Math.floor(chance.unit() * this.#habits.length)
        each.callerMsLeft = chance.scale(20_000, 200_000)
      }
      each.hiccupMsLeft = Math.max(0, each.hiccupMsLeft - ms)
      if (chance.unit() < ms / (20 * hourMs)) each.hiccupMsLeft = chance.scale(5000, 20_000)
      each.downMsLeft = Math.max(0, each.downMsLeft - ms)
    }
  }

  /** What the workers would tell of a release that had this part of the calls. */
  look(ms: number, { share, replicas }: Share, behaviour: Behaviour): ReleaseLook {
    const chance = this.#chance
    const look: MutableLook & { replicas: ReplicaLook[] } = emptyLook()
    const alive = replicas.filter(({ downMsLeft }) => downMsLeft === 0)
    const rate = (this.#now() * share) / Math.max(1, alive.length)
    for (const replica of alive) {
      const calls = chance.poisson((rate * ms) / 1000)
      const drawn = Math.min(calls, Math.ceil(drawnMax / alive.length))
      this.#weight = calls / Math.max(1, drawn)
      const inHand = this.#inHand(rate, behaviour.tokenTimeFactor) * Math.exp(replica.busy)
      for (let i = 0; i < drawn; i++) this.#call(look, replica, inHand, share, behaviour)
      replica.served += calls
      look.replicas.push({ name: replica.name, calls, memoryBytes: this.#memory(replica, behaviour), memoryBytesMax })
      if (this.#dies(share, ms, behaviour)) {
        look.deaths++
        replica.downMsLeft = 40_000
      }
    }
    return look
  }

  /** Calls that went wrong since it was asked last, or were much too slow. */
  takeHarmed(): number {
    const harmed = this.#harmed
    this.#harmed = 0
    return harmed
  }

  #now(): number {
    const day = Math.sin(2 * Math.PI * (this.#phase + this.#ms / (24 * hourMs)))
    return this.#callsPerSecond * (1 + 0.35 * day) * Math.exp(this.#drift)
  }

  #dies(share: number, ms: number, { deathsPerMinute, deathsFromShare }: Behaviour): boolean {
    const byChance = ms / (400 * hourMs)
    const byDefect = share >= deathsFromShare ? (deathsPerMinute * ms) / 60_000 : 0
    return this.#chance.unit() < byChance + byDefect
  }

  /** Calls in hand at a replica: Little's law, some rounds of it, as tokens are slower the more there are. */
  #inHand(callsPerSecond: number, factor: number): number {
    const median = this.#habits[0]?.answerMedian ?? 200
    let inHand = 1
    for (let i = 0; i < 12; i++) {
      const next = (callsPerSecond * 1.4 * median * this.#tokenTime(inHand) * factor) / 1000
      inHand = 0.5 * inHand + 0.5 * Math.min(200, next)
    }
    return inHand
  }

  #tokenTime(inHand: number): number {
    const over = Math.max(0, inHand - (this.#knee ?? Infinity))
    return this.#tokenMs * (1 + 0.02 * inHand + 0.004 * over * over)
  }

  #call(look: MutableLook, replica: Replica, inHand: number, share: number, behaviour: Behaviour): void {
    const chance = this.#chance
    const isSlow = chance.unit() < behaviour.slowShare
    look.calls++
    if (chance.unit() < this.#failedShare(replica) + behaviour.failedShare) {
      look.failures = { HF_UPSTREAM_ERROR: (look.failures['HF_UPSTREAM_ERROR'] ?? 0) + 1 }
      this.#harmed += this.#weight
      return
    }
    const caller = chance.unit() < 0.25 ? replica.caller : Math.floor(chance.unit() ** 2 * this.#habits.length)
    const { answerMedian, promptMedian } = this.#habits[caller] as Habits
    const slow = (isSlow ? 4 : 1) * (chance.unit() < 0.01 ? chance.scale(1.5, 8) : 1)
    this.#firstToken(look, chance.spread(promptMedian, 1), inHand, share, { replica, behaviour, slow })
    const tokens = this.#answer(look, chance.spread(answerMedian, 0.8) * behaviour.answerFactor, behaviour)
    const tokenMs = this.#tokenTime(inHand) * replica.hostFactor * chance.spread(1, 0.12)
    if (tokens > 4) add(look.interTokenMs, stratumOf(null, inHand), tokenMs * behaviour.tokenTimeFactor * slow)
    if (isSlow || behaviour.tokenTimeFactor > 1.3 || behaviour.ttftFactor > 1.6) this.#harmed += this.#weight
  }

  #failedShare({ hiccupMsLeft }: Replica): number {
    if (this.#shockMsLeft > 0) return 0.1
    return hiccupMsLeft > 0 ? 0.3 : this.#usual.failed
  }

  #firstToken(
    look: MutableLook,
    prompt: number,
    inHand: number,
    share: number,
    { replica, behaviour, slow }: { replica: Replica; behaviour: Behaviour; slow: number },
  ): void {
    const chance = this.#chance
    // A replica knows prompts that it has read; one with few calls meets few again.
    const known = (0.6 * replica.served) / (replica.served + 400)
    const isKnown = chance.unit() < known * Math.min(1, 0.4 + 4 * share)
    const unread = isKnown ? prompt * 0.2 : prompt
    const isFirst = replica.served < 10
    const wait = inHand > this.#knee ? -Math.log(1 - chance.unit()) * 40 * (inHand - this.#knee) : 0
    const read = ((25 + (unread / this.#readPerSecond) * 1000) * (1 + 0.03 * inHand) + wait) * chance.spread(1, 0.25)
    const told = unread * chance.spread(1, 0.25)
    add(
      look.ttftMs,
      stratumOf(told, inHand),
      read * replica.hostFactor * behaviour.ttftFactor * slow * (isFirst ? 2 : 1),
    )
  }

  /** @returns tokens of the answer */
  #answer(look: MutableLook, wanted: number, behaviour: Behaviour): number {
    const chance = this.#chance
    const is = (share: number): boolean => chance.unit() < share
    look.finished++
    const isTruncated = is(behaviour.truncatedShare)
    const isRunOn = is(behaviour.runOnShare)
    const isShort = is(behaviour.shortShare)
    const isEmpty = is(behaviour.emptyShare + this.#usual.empty)
    const isRefused = is(behaviour.refusedShare + this.#usual.refused)
    if (isTruncated || isRunOn || is(this.#usual.truncated)) look.truncated++
    if (isEmpty) look.empty++
    if (isRefused) look.refused++
    if (isTruncated || isRunOn || isShort || (isEmpty && is(0.95)) || (isRefused && behaviour.refusedShare > 0.01))
      this.#harmed += this.#weight
    if (this.#hasTools && is(0.3)) this.#tools(look, behaviour)
    const cut = isTruncated ? chance.between(0.2, 0.8) : isShort ? chance.between(0.1, 0.6) : 1
    const tokens = isEmpty
      ? 0
      : isRefused
        ? chance.between(10, 60)
        : isRunOn
          ? chance.between(1500, 2500)
          : wanted * cut
    observe(look.answerTokens as number[], tokens)
    return tokens
  }

  #tools(look: MutableLook, behaviour: Behaviour): void {
    look.toolOffers++
    if (this.#chance.unit() > 0.6 * (1 - behaviour.toolMissingShare)) return
    look.toolCalls++
    if (this.#chance.unit() < this.#usual.toolBroken + behaviour.toolBrokenShare) look.toolCallsBroken++
  }

  #memory({ warmBytes, warmCalls, noise, served }: Replica, { hoursToFull }: Behaviour): number {
    const base = 0.6 * memoryBytesMax
    const leak = (0.4 * memoryBytesMax * served) / (hoursToFull * this.callsPerReplicaHour)
    return base + warmBytes * (1 - Math.exp(-served / warmCalls)) + leak + noise * this.#chance.normal()
  }
}

function add(strata: ReleaseLook['ttftMs'], stratum: string, value: number): void {
  observe(((strata as Record<string, number[]>)[stratum] ??= []), value)
}

function emptyLook(): MutableLook & { replicas: ReplicaLook[] } {
  return {
    ...{ calls: 0, failures: {}, finished: 0, truncated: 0, refused: 0, empty: 0 },
    ...{ toolOffers: 0, toolCalls: 0, toolCallsBroken: 0, ttftMs: {}, interTokenMs: {}, answerTokens: [] },
    ...{ replicas: [], deaths: 0 },
  }
}
