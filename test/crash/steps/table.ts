/** What a run of the crash suite has shown, a line a scene. */
import type { Row } from './lane.ts'

export function printRow({ name, mode, deaths, calls, takeoverMs, complaints }: Row): string {
  const took = takeoverMs === null ? '–' : String(takeoverMs)
  const verdict = complaints.length === 0 ? 'ok' : `FAILS: ${complaints.join('; ')}`
  const columns = [name.padEnd(52), mode.padEnd(15), String(deaths).padStart(6), String(calls).padStart(5)]
  return `${columns.join(' ')} ${took.padStart(11)}  ${verdict}`
}

export function printHead(): string {
  return `${'step'.padEnd(52)} ${'mode'.padEnd(15)} deaths calls takeover ms  verdict`
}

export function printSum(rows: readonly Row[]): string {
  const failed = rows.filter(({ complaints }) => complaints.length > 0).length
  const tookMs = rows.filter(({ isRestart }) => !isRestart).map(({ takeoverMs }) => takeoverMs ?? 0)
  return `${rows.length} scenes, ${failed} fail; slowest takeover by a survivor ${Math.max(0, ...tookMs)} ms`
}
