/** A shortened day of a real gateway whose deployment is scaled by its load: none, one, more, fewer, none. */
import type { ScaleFact } from '../../src/observe/process-fact.ts'
import { Crowd } from '../control/crowd.ts'
import { openStage, simCommand, type Stage } from '../control/stage.ts'
import { chat, type Outcome } from '../crash/chat.ts'

/** What one replica bears at once. */
export const perReplica = 6
export const replicasMax = 4
/** Calls at once of each part of the day. */
const [few, rush] = [4, 18]
/** The tokens of an answer; a server writes 60 a second. */
const [shortTokens, longTokens] = [240, 1200]
const aWhileMs = 3000
const partMs = 240_000

export interface DayOptions {
  /** The length of a step, which is a minute elsewhere. */
  readonly stepMs: number
  readonly idleMs: number
  /** Called at the end of each part. */
  readonly onPart: (part: Part) => void
}

export interface Part {
  readonly name: string
  readonly tookMs: number
  /** At its end. */
  readonly serving: number
  readonly wished: number
  readonly why: string
  readonly calls: number
}

export interface Day {
  readonly calls: number
  readonly notWhole: readonly Outcome[]
  /** The first call: until it was answered whole, from nothing. */
  readonly firstMs: number
  /** Attempts that went on at another replica because theirs was to go. */
  readonly moved: number
  readonly servingMax: number
  /** How many were wished, oldest first. */
  readonly scaled: readonly Pick<ScaleFact, 'atMs' | 'from' | 'to' | 'why' | 'evidence'>[]
  /** What is left of replicas when the gateway has ended. */
  readonly left: number
}

export async function showDay({ stepMs, idleMs, onPart }: DayOptions): Promise<Day> {
  await using stage = await openStage({
    releases: { v1: { command: simCommand() } },
    replicas: { min: 0, max: replicasMax },
    autoscale: { perReplica: { callsInHand: perReplica }, stepMs, idleMs },
    drain: { moveAfterMs: 2000 },
  })
  const { url } = stage.gateway
  const outcomes: Outcome[] = []
  let servingMax = 0
  const part = async (name: string, live: () => Promise<number | void>): Promise<void> => {
    const beganMs = performance.now()
    const before = outcomes.length
    await live()
    const [row] = (await stage.fleet()).scaling
    const serving = await countServing(stage)
    servingMax = Math.max(servingMax, serving)
    const [calls, tookMs] = [outcomes.length - before, Math.round(performance.now() - beganMs)]
    onPart({ name, tookMs, serving, wished: row?.replicas ?? 0, why: row?.why ?? '', calls })
  }
  await part('nobody calls', async () => {
    await sleep(aWhileMs)
    if ((await stage.rows()).length > 0) throw new Error('replicas run, and nobody has called')
  })
  let firstMs = 0
  await part('the first call', async () => {
    const beganMs = performance.now()
    outcomes.push(await chat(url, 'lab-model', `first tokens:${shortTokens}`, true))
    firstMs = Math.round(performance.now() - beganMs)
  })
  const crowd = new Crowd(url, { streams: few, tokens: longTokens })
  await part('a few calls', () => until(stage, 'one serves', (count) => count >= 1))
  const rushing = new Crowd(url, { streams: rush, tokens: shortTokens })
  await part('the rush', async () => {
    await until(stage, 'most serve', (count) => count >= replicasMax - 1)
    await sleep(2 * aWhileMs)
    outcomes.push(...(await rushing.end()))
  })
  await part('the rush is over', () => until(stage, 'one serves', (count) => count <= 1))
  await part('nobody calls', async () => {
    outcomes.push(...(await crowd.end()))
    await until(stage, 'none is left', (_, all) => all === 0)
  })
  const [moved, scaled] = [await movedAt(stage), await scaledAt(stage)]
  await stage.gateway.end('SIGTERM')
  const { length: left } = await stage.leaders()
  const notWhole = outcomes.filter(({ verdict }) => verdict !== 'whole')
  return { calls: outcomes.length, notWhole, firstMs, moved, servingMax, scaled, left }
}

async function until(stage: Stage, what: string, isSo: (serving: number, all: number) => boolean): Promise<void> {
  for (const endMs = performance.now() + partMs; performance.now() < endMs; await sleep(200)) {
    const rows = await stage.rows().catch(() => null)
    if (rows && isSo(rows.filter(({ state }) => state === 'serving').length, rows.length)) return
  }
  throw new Error(`not within ${partMs} ms: ${what}; ${JSON.stringify(await stage.fleet())}`)
}

async function countServing(stage: Stage): Promise<number> {
  return (await stage.rows()).filter(({ state }) => state === 'serving').length
}

async function movedAt({ gateway }: Stage): Promise<number> {
  const text = await (await fetch(`${gateway.adminUrl}/metrics`)).text()
  const counts = text.matchAll(/^holdfast_attempts_total\{[^}]*code="HF_UPSTREAM_DRAINED"[^}]*\} (\d+)/gm)
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0)
}

async function scaledAt({ gateway }: Stage): Promise<readonly ScaleFact[]> {
  const answer = await fetch(`${gateway.adminUrl}/record?kind=scale&limit=200`)
  const { facts } = (await answer.json()) as { facts: ScaleFact[] }
  return facts.toReversed()
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
