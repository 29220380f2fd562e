/** Calls with their prompts as blocks: read from a trace in the form of Mooncake's, or drawn. */
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import type { Random } from '../../src/ground/random.ts'

export const blockTokens = 512

export interface TraceCall {
  atMs: number
  readonly promptTokens: number
  readonly outputTokens: number
  /** Equal numbers are equal text with an equal beginning before it. */
  readonly blocks: readonly number[]
}

interface Row {
  readonly t_ms: number
  readonly in: number
  readonly out: number
  readonly blocks: readonly number[]
}

/** JSON lines, gzip or not: `{"t_ms":0,"in":6758,"out":500,"blocks":[0,1,2]}`. @throws when it is not there. */
export function readTrace(path: string): TraceCall[] {
  const bytes = readFileSync(path)
  const text = (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString()
  const rows = text
    .split('\n')
    .filter((line) => line.includes('"blocks"'))
    .map((line) => JSON.parse(line) as Row)
  return spreadSteps(
    rows.map(({ t_ms, in: promptTokens, out, blocks }) => ({ atMs: t_ms, promptTokens, outputTokens: out, blocks })),
  )
}

/** The trace gives arrivals in steps of three seconds: those of one step are spread over it evenly. */
function spreadSteps(calls: TraceCall[]): TraceCall[] {
  const steps = Map.groupBy(calls, ({ atMs }) => atMs)
  const starts = [...steps.keys()]
  const stepMs = Math.min(3000, ...starts.slice(1).map((start, i) => start - (starts[i] as number)))
  for (const [start, group] of steps) group.forEach((call, i) => (call.atMs = start + (stepMs * i) / group.length))
  return calls
}

const sessionsPerSecond = 0.8
const turnsMean = 4
const thinkMs = 45_000
const durationMs = 2_400_000
const applicationCount = 40

/**
 * Conversations as one meets them: some applications, each with its own long instructions; in each conversation every
 * turn sends all that was said before.
 */
export function drawTrace(random: Random): TraceCall[] {
  let fresh = 0
  const some = (count: number): number[] => Array.from({ length: count }, () => fresh++)
  const upTo = (max: number): number => 1 + Math.floor(random.unit() * max)
  const exponential = (mean: number): number => -Math.log(1 - random.unit()) * mean
  const applications = Array.from({ length: applicationCount }, () => some(upTo(8)))
  const calls: TraceCall[] = []
  for (let beganMs = 0; beganMs < durationMs; beganMs += exponential(1000 / sessionsPerSecond)) {
    const instructions = applications[Math.floor(random.unit() ** 2 * applicationCount)] as number[]
    let blocks = [...instructions]
    let atMs = beganMs
    const turnCount = Math.ceil(exponential(turnsMean))
    for (let turn = 0; turn < Math.min(30, turnCount) && atMs < durationMs; turn++) {
      blocks = [...blocks, ...some(upTo(turn === 0 ? 16 : 6))]
      const outputTokens = Math.ceil(Math.min(4000, exponential(340)))
      calls.push({ atMs, promptTokens: blocks.length * blockTokens, outputTokens, blocks })
      atMs += outputTokens * 20 + exponential(thinkMs)
    }
  }
  return calls.sort((a, b) => a.atMs - b.atMs)
}
