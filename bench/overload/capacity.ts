/** What the engines give without a gateway, when each always has half as many waiting as it has slots. */
import { engine, engineCount, runLoad } from './scene.ts'
import { scoreLevel } from './score.ts'

export interface Capacity {
  readonly callsPerSecond: number
  readonly tokensPerSecond: number
}

/** `speed` is the engines'; takes 12 s at speed 1. */
export async function measureCapacity(urls: readonly string[], seed: number, speed: number): Promise<Capacity> {
  const seconds = 12 / speed
  const deadlineSeconds = { premium: 1000, standard: 1000, batch: 1000 }
  const clients = engineCount * engine.slots * 1.5
  const { records } = await runLoad({
    urls,
    seed,
    seconds,
    callsPerSecond: 0,
    clients,
    deadlineSeconds,
    tellsDeadline: false,
    isReturning: false,
  })
  const { goodPerSecond, goodTokensPerSecond } = scoreLevel(records, {
    settleSeconds: 3 / speed,
    seconds,
    deadlineSeconds,
  })
  return { callsPerSecond: goodPerSecond, tokensPerSecond: goodTokensPerSecond }
}
