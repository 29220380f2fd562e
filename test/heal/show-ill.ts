/** One ill at a real gateway with three replicas, under load: what was seen when, and what the callers got. */
import type { Outcome } from '../crash/chat.ts'
import { openStage, type Stage } from '../control/stage.ts'
import type { Engine, Ill } from './engine.ts'
import {
  deploymentOf,
  diedCount,
  inflict,
  isDetected,
  isHealed,
  isInService,
  type Look,
  lookAt,
  type Setting,
  victim,
} from './ill.ts'

const count = 3
const names = Array.from({ length: count }, (_, i) => `chat-v1-${i + 1}`)
const lookMs = 100
/** Of load before the ill, and behind the recovery. */
const aroundMs = 2000
const healMs = 180_000

export interface Shown {
  readonly ill: Ill
  /** Milliseconds behind the ill; null for never. */
  readonly detectedMs: number | null
  readonly outMs: number | null
  readonly healedMs: number | null
  readonly calls: number
  readonly whole: number
  readonly notWhole: readonly Outcome[]
  /** Answers of 422 to the request that kills. */
  readonly refused: number
  /** Replicas that died. */
  readonly deaths: number
  readonly evidence: string
}

export interface ShowOptions {
  readonly engine: Engine
  readonly callsAtOnce: number
  /** Windows that are shortened so that it does not take hours. */
  readonly heal: object
}

interface Seen {
  detectedMs: number | null
  outMs: number | null
  healedMs: number | null
}

/** @throws {NotHere} */
export async function showIll(ill: Ill, setting: Setting, { engine, callsAtOnce, heal }: ShowOptions): Promise<Shown> {
  const deployment = deploymentOf(engine.command(ill), setting, count)
  await using stage = await openStage(deployment, { heal })
  await stage.serving(...names)
  await engine.prepare((await stage.rows())[0]?.url ?? '')
  const load = new Load((lane, n) => engine.ask(stage.gateway.url, lane, n, ill), callsAtOnce)
  await sleep(aroundMs)
  const beganMs = performance.now()
  const refused = ill === 'poison' ? askPoison(stage, engine) : Promise.resolve(0)
  using _ill = await inflict(ill, stage, engine, setting)
  const seen = await watch(ill, stage, beganMs)
  await sleep(aroundMs)
  const outcomes = await load.end()
  const notWhole = outcomes.filter(({ verdict }) => verdict !== 'whole')
  const { remedies } = await stage.fleet()
  const evidence = remedies.find(({ replica, state }) => replica === victim && state !== 'measured')?.evidence ?? ''
  const deaths = diedCount(stage.gateway.lines)
  await stage.gateway.end('SIGTERM')
  const left = await stage.leaders()
  if (left.length > 0) throw new Error(`${left.length} replicas were left behind`)
  const calls = outcomes.length
  return { ill, ...seen, calls, whole: calls - notWhole.length, notWhole, refused: await refused, deaths, evidence }
}

async function watch(ill: Ill, stage: Stage, beganMs: number): Promise<Readonly<Seen>> {
  const seen: Seen = { detectedMs: null, outMs: null, healedMs: null }
  const since = (): number => Math.round(performance.now() - beganMs)
  while (seen.healedMs === null && since() < healMs) {
    const look: Look | null = await lookAt(stage).catch(() => null)
    if (look) {
      if (isDetected(ill, look)) seen.detectedMs ??= since()
      if (!isInService(ill, look)) seen.outMs ??= since()
      // Between two calls it is without any for a moment.
      else if (seen.detectedMs === null) seen.outMs = null
      if (seen.detectedMs !== null && isHealed(ill, look, count)) seen.healedMs = since()
    }
    await sleep(lookMs)
  }
  return seen
}

/** Calls one behind the other in each of so many lanes. */
class Load {
  #isOver = false
  #outcomes: Outcome[] = []
  #lanes: Promise<unknown>

  constructor(ask: (lane: number, n: number) => Promise<Outcome>, lanes: number) {
    const run = async (lane: number): Promise<void> => {
      for (let n = 0; !this.#isOver; n++) this.#outcomes.push(await ask(lane, n))
    }
    this.#lanes = Promise.all(Array.from({ length: lanes }, (_, lane) => run(lane)))
  }

  async end(): Promise<readonly Outcome[]> {
    this.#isOver = true
    await this.#lanes
    return this.#outcomes
  }
}

/** The request that kills, and twice again: so many were answered 422. */
async function askPoison({ gateway }: Stage, { poison }: Engine): Promise<number> {
  let refused = 0
  for (let i = 0; i < 3; i++) {
    const body = JSON.stringify({ ...poison, stream: i === 0 })
    const headers = { 'content-type': 'application/json' }
    const answer = await fetch(`${gateway.url}/v1/chat/completions`, { method: 'POST', headers, body })
    await answer.text()
    if (answer.status === 422) refused++
  }
  return refused
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
