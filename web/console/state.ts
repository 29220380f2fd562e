/** What the pages show: asked for once a second while somebody looks, and never twice at once. */
import { signal } from '@preact/signals'
import type { ConsoleState } from '../../src/cli/console-desk.ts'
import type { Curves } from '../../src/cli/history.ts'
import type { Overview } from '../../src/cli/overview.ts'
import { ask, isTokenWanted } from './ask.ts'

const periodMs = 1000
const samplesMax = 600

export const overview = signal<Overview | null>(null)
export const curves = signal<Curves | null>(null)
/** Why nothing new comes; empty while it does. */
export const trouble = signal('')

export function startPolling(): void {
  poll(periodMs, async () => {
    try {
      const { now, curves: fresh } = await ask<ConsoleState>(`/console/state?since=${curves.peek()?.last ?? 0}`)
      overview.value = now
      curves.value = joinCurves(curves.peek(), fresh)
      trouble.value = ''
    } catch (error) {
      trouble.value = isTokenWanted.peek() ? '' : `The gateway does not answer (${String(error)}).`
    }
  })
}

/** Calls at once and then again and again, while the page is visible and no token is missing; returns what ends it. */
export function poll(everyMs: number, look: () => Promise<void>): () => void {
  let isUnderWay = false
  const tick = (): void => {
    if (isUnderWay || document.hidden || isTokenWanted.peek()) return
    isUnderWay = true
    void look().finally(() => (isUnderWay = false))
  }
  const timer = setInterval(tick, everyMs)
  tick()
  return () => clearInterval(timer)
}

/** The older samples with the new ones behind them; all anew when the gateway has begun to count again. */
function joinCurves(old: Curves | null, fresh: Curves): Curves {
  if (!old || fresh.last - fresh.atMs.length !== old.last) return fresh
  const join = <T>(a: readonly T[], b: readonly T[]): T[] => [...a, ...b].slice(-samplesMax)
  return {
    last: fresh.last,
    atMs: join(old.atMs, fresh.atMs),
    calls: join(old.calls, fresh.calls),
    failed: join(old.failed, fresh.failed),
    outputTokens: join(old.outputTokens, fresh.outputTokens),
    firstTokenP50Ms: join(old.firstTokenP50Ms, fresh.firstTokenP50Ms),
    firstTokenP95Ms: join(old.firstTokenP95Ms, fresh.firstTokenP95Ms),
    callsLive: join(old.callsLive, fresh.callsLive),
    waiting: join(old.waiting, fresh.waiting),
  }
}
