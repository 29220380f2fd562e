/** The live one-line view of traffic, for a terminal. */
import type { Totals } from '../observe/metric.ts'

export interface Snapshot {
  readonly totals: Readonly<Totals>
  readonly callsLive: number
  readonly upstreamsUp: number
  readonly upstreamsAll: number
}

/** The line for what happened between two looks, `seconds` apart; at most `columns` wide. */
export function liveLine(before: Snapshot, now: Snapshot, seconds: number, columns: number): string {
  const rate = (field: keyof Totals): number => (now.totals[field] - before.totals[field]) / seconds
  const parts = [
    `${now.upstreamsUp}/${now.upstreamsAll} upstreams up`,
    `${now.callsLive} live`,
    `${short(rate('calls'))} calls/s`,
    `${short(rate('outputTokens'))} tokens/s`,
    `${now.totals.calls} calls in all`,
    `${now.totals.retries} rescued by another try`,
    `${now.totals.failed} failed`,
  ]
  let line = parts[0] ?? ''
  for (const part of parts.slice(1)) {
    if (line.length + part.length + 3 > columns - 4) break
    line += ` · ${part}`
  }
  return line
}

function short(value: number): string {
  if (value >= 10_000) return `${Math.round(value / 1000)}k`
  if (value >= 1000) return `${(value / 1000).toFixed(1)}k`
  return value >= 10 || value === 0 ? String(Math.round(value)) : value.toFixed(1)
}

/** Draws the line once a second over itself until the returned function is called. */
export function showLiveLine(stream: NodeJS.WriteStream, look: () => Snapshot): () => void {
  const periodMs = 1000
  let before = look()
  const timer = setInterval(() => {
    const now = look()
    const dot =
      now.upstreamsUp === 0
        ? '\u001b[31m●\u001b[0m'
        : now.upstreamsUp < now.upstreamsAll
          ? '\u001b[33m●\u001b[0m'
          : '\u001b[32m●\u001b[0m'
    stream.write(`\r\u001b[2K${dot} ${liveLine(before, now, periodMs / 1000, stream.columns ?? 80)}`)
    before = now
  }, periodMs)
  timer.unref()
  return () => {
    clearInterval(timer)
    stream.write('\r\u001b[2K')
  }
}
