/** One ill at a real gateway with three replicas, under load: what was seen when, and what the callers got. */
import { chat, type Outcome } from '../crash/chat.ts'
import { openStage, simCommand, type Stage } from '../control/stage.ts'
import { deploymentOf, type Ill, inflict, isDetected, isHealed, isOutOfService, type Setting, victim } from './ill.ts'

const count = 3
const names = Array.from({ length: count }, (_, i) => `chat-v1-${i + 1}`)
const lookMs = 100
/** Of load before the ill, and behind the recovery. */
const aroundMs = 2000
const healMs = 120_000

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
  readonly evidence: string
}

export interface ShowOptions {
  readonly callsAtOnce: number
  /** Windows that are shortened so that it does not take hours. */
  readonly heal: object
}

export async function showIll(ill: Ill, setting: Setting, { callsAtOnce, heal }: ShowOptions): Promise<Shown> {
  const deployment = deploymentOf(simCommand('--answer-max', '60', ...setting.more), setting, count)
  await using stage = await openStage(deployment, { heal })
  await stage.serving(...names)
  const load = new Load(stage, callsAtOnce)
  await sleep(aroundMs)
  const beganMs = performance.now()
  const since = (): number => Math.round(performance.now() - beganMs)
  const refused = ill === 'poison' ? askPoison(stage) : Promise.resolve(0)
  await inflict(ill, stage, setting)
  const seen = { detectedMs: null as number | null, outMs: null as number | null, healedMs: null as number | null }
  while (seen.healedMs === null && since() < healMs) {
    const fleet = await stage.fleet().catch(() => null)
    if (fleet && isDetected(ill, fleet)) seen.detectedMs ??= since()
    if (fleet && isOutOfService(ill, fleet)) seen.outMs ??= since()
    if (fleet && seen.detectedMs !== null && isHealed(ill, fleet, count)) seen.healedMs = since()
    await sleep(lookMs)
  }
  await sleep(aroundMs)
  const outcomes = await load.end()
  const notWhole = outcomes.filter(({ verdict }) => verdict !== 'whole')
  const { remedies } = await stage.fleet()
  const evidence = remedies.find(({ replica, state }) => replica === victim && state !== 'measured')?.evidence ?? ''
  await stage.gateway.end('SIGTERM')
  const left = await stage.leaders()
  if (left.length > 0) throw new Error(`${left.length} replicas were left behind`)
  const calls = outcomes.length
  return { ill, ...seen, calls, whole: calls - notWhole.length, notWhole, refused: await refused, evidence }
}

/** Streams and plain calls, one behind the other in each of so many lanes. */
class Load {
  #isOver = false
  #outcomes: Outcome[] = []
  #lanes: Promise<unknown>

  constructor(stage: Stage, lanes: number) {
    const { url } = stage.gateway
    const run = async (lane: number): Promise<void> => {
      for (let n = 0; !this.#isOver; n++)
        this.#outcomes.push(
          await chat(url, 'lab-model', `lane ${lane} call ${n} tokens:${40 + (n % 40)}`, lane % 4 !== 0),
        )
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
async function askPoison({ gateway }: Stage): Promise<number> {
  let refused = 0
  for (let i = 0; i < 3; i++) {
    const body = JSON.stringify({
      model: 'lab-model',
      stream: i === 0,
      messages: [{ role: 'user', content: 'POISON' }],
    })
    const headers = { 'content-type': 'application/json' }
    const answer = await fetch(`${gateway.url}/v1/chat/completions`, { method: 'POST', headers, body })
    await answer.text()
    if (answer.status === 422) refused++
  }
  return refused
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
