/**
 * What a call would find at a member: the work before it and the work it brings, in seconds where the speeds are known,
 * else in calls. Pure.
 */
import type { CallSize } from '../../fleet/load.ts'
import type { Member } from '../../fleet/pool.ts'
import type { Speed } from '../../fleet/speed.ts'

/** What a server says of itself, brought up to now by what we have sent it since it said so. */
export interface EngineLoad {
  readonly waiting: number
  readonly running: number
  /** 0 to 1. */
  readonly kvUsage: number
}

/** Seconds for one token; null where they are not known. */
export interface Pace {
  readonly readS: number
  /** For one token of one answer, shared by the batch. */
  readonly writeS: number
  /** Known well enough to tell this server from others. */
  readonly isProven: boolean
}

export interface Outlook {
  readonly member: Member
  readonly weight: number
  /** What it has in hand. */
  readonly work: number
  /** What of the prompt it need not read again, tokens. */
  readonly cachedTokens: number
  /** What a prompt token takes to be read. */
  readonly readUnit: number
  /** What the call brings: what is left of its prompt, and its answer. */
  readonly cost: number
  /** Until the first token; 0 where no speed is known. */
  readonly firstTokenS: number
}

/**
 * Weight of writing beside reading: a batch writes many answers at once, so what is still to be written holds a new
 * call up less than what is still to be read.
 */
const writeWeight = 0.3
/** From this use of the KV cache on, calls may have to wait for others to end; at 1 they do. */
const kvRoomyMax = 0.9
/** A line through fewer points may lead anywhere. */
const samplesMin = 32
/** A member counts as at most so many times faster or slower than the usual one; so much of it is taken for noise. */
const paceRatioMax = 4
const paceNoise = 1.5
/** A prompt of so many tokens is worth one call, where speeds are not known; of shorter ones less is to be saved. */
const callTokensMin = 1024

/** @param calls of which it would be one. */
export function paceOf(speed: Speed, calls: number): Pace | null {
  const gapMs = speed.gapMs(calls)
  if (gapMs === null) return null
  const readS = 1 / (speed.prefillPerSecond ?? Number.NaN)
  const writeS = gapMs / 1000 / calls
  const isProven = speed.sampleCount >= samplesMin
  return isSpeed(readS) && isSpeed(writeS) ? { readS, writeS, isProven } : null
}

function isSpeed(seconds: number): boolean {
  return seconds > 0 && Number.isFinite(seconds)
}

/** The median of those that are known: what is taken for the others. Null when none is. */
export function usualPace(paces: readonly (Pace | null)[]): Pace | null {
  const known = paces.filter((pace) => pace !== null)
  if (known.length === 0) return null
  const readS = median(known.map((pace) => pace.readS))
  return { readS, writeS: median(known.map((pace) => pace.writeS)), isProven: true }
}

function median(values: number[]): number {
  values.sort((a, b) => a - b)
  const middle = values.length >> 1
  return values.length % 2 === 1
    ? (values[middle] as number)
    : Math.sqrt((values[middle - 1] as number) * (values[middle] as number))
}

/**
 * The pace that is believed. One that seems far faster than its like has been measured wrongly, and if it were believed
 * it would get all calls, and no idle moment in which to be measured again. Small differences are noise: equal servers
 * that are taken for unequal ones get unequal work.
 */
export function believedPace(pace: Pace | null, usual: Pace): Pace {
  if (!pace?.isProven) return usual
  return { readS: believed(pace.readS, usual.readS), writeS: believed(pace.writeS, usual.writeS), isProven: true }
}

function believed(seconds: number, usual: number): number {
  const ratio = seconds / usual
  const distance = Math.min(paceRatioMax, Math.max(1, Math.max(ratio, 1 / ratio) / paceNoise))
  return ratio > 1 ? usual * distance : usual / distance
}

export interface OutlookParts {
  readonly member: Member
  readonly weight: number
  readonly size: CallSize
  readonly cachedTokens: number
  readonly engine: EngineLoad | null
  /** Null: count calls. */
  readonly pace: Pace | null
}

export function outlookOf({ member, weight, size, cachedTokens, engine, pace }: OutlookParts): Outlook {
  const { load } = member.upstream
  const { promptTokens, outputTokens } = size
  // Calls of others, who use the same server beside us. Each is taken for one like this.
  const waiting = engine ? sane(engine.waiting) : 0
  const foreign = engine ? Math.max(0, waiting + sane(engine.running) - load.calls) : 0
  const cached = Math.min(Math.max(0, cachedTokens), promptTokens)
  if (!pace) {
    const readUnit = 1 / Math.max(callTokensMin, promptTokens)
    const work = load.calls + foreign
    const cost = (promptTokens - cached) * readUnit
    return { member, weight, work, cachedTokens: cached, readUnit, cost, firstTokenS: 0 }
  }
  const { readS, writeS } = pace
  const foreignWaiting = Math.min(foreign, waiting)
  const aheadS = (load.prefillTokens + foreignWaiting * promptTokens) * readS
  const ownS = (promptTokens - cached) * readS
  const left = load.decodeTokens + foreign * outputTokens
  const waitS = kvWaitS(engine, left * writeS)
  return {
    member,
    weight,
    work: aheadS + waitS + writeWeight * left * writeS,
    cachedTokens: cached,
    readUnit: readS,
    cost: ownS + writeWeight * outputTokens * writeS,
    firstTokenS: aheadS + waitS + ownS,
  }
}

/** The wait for room in the KV cache: the nearer to full, the more of what is being written must be done before. */
function kvWaitS(engine: EngineLoad | null, writingS: number): number {
  if (!engine) return 0
  const over = (sane(engine.kvUsage) - kvRoomyMax) / (1 - kvRoomyMax)
  return Math.min(1, Math.max(0, over)) * writingS
}

/** Gauges say all kinds of things. */
function sane(gauge: number): number {
  return gauge > 0 && gauge < 1e6 ? gauge : 0
}
