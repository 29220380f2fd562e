/** The screen of `holdfast top`: the console's overview in the letters of a terminal. Pure. */
import type { ConsoleState } from './console-desk.ts'
import type { Level } from './overview-verdict.ts'
import { badness, type Overview, type UpstreamSeen } from './overview.ts'
import { type Color, fit, paint, shortNumber, shortTime, sparkline } from './terminal-text.ts'

const levelColors: Readonly<Record<Level, Color>> = { well: 'green', impaired: 'yellow', down: 'red' }
const troublesMax = 4
const faultsMax = 8
/** Name and number before a curve. */
const headWidth = 26
/** Narrower terminals cut what is beyond. */
const columnsMin = 40

export interface ScreenSize {
  readonly columns: number
  readonly rows: number
}

/** Lines, each at most as wide as the screen, if that has 40 columns; no more than it has rows. */
export function topScreen({ now, curves }: ConsoleState, { columns, rows }: ScreenSize): string[] {
  const width = Math.max(columnsMin, columns)
  const lines = [
    ...headLines(now, width),
    '',
    ...curveLines(now, curves, width),
    '',
    ...upstreamLines(now, width),
    ...faultLines(now, width),
    ...workerLines(now, width),
  ]
  return lines.slice(0, Math.max(1, rows))
}

function headLines(now: Overview, width: number): string[] {
  const { site, version, startedMs, atMs, urls, verdict } = now
  const facts = `site ${site} · ${version} · up ${shortTime(atMs - startedMs)} · ${urls[0] ?? ''}`
  const { level, sentence, troubles } = verdict
  const more = troubles.length - troublesMax
  return [
    `${paint('Holdfast', 'bold')}  ${paint(fit(facts, width - 10), 'dim')}`,
    `${paint('●', levelColors[level])} ${paint(fit(sentence, width - 2), 'bold')}`,
    ...troubles.slice(0, troublesMax).map((each) => `  ${fit(each, width - 2)}`),
    ...(more > 0 ? [fit(`  and ${more} more`, width)] : []),
    ...incidentLine(now, width),
  ]
}

/** What the public is told. */
function incidentLine({ incidents }: Overview, width: number): string[] {
  const [worst, ...others] = incidents ?? []
  if (!worst) return []
  const { title, stage, etaWords, hidden } = worst
  const words = [stage, ...(hidden === '' ? [] : [hidden]), ...(etaWords === '' ? [] : [etaWords])].join(', ')
  const more = others.length > 0 ? ` (and ${others.length} more)` : ''
  return [`${paint('▲', 'red')} ${fit(`Incident: ${title}${more} · ${words}`, width - 2)}`]
}

function curveLines(now: Overview, curves: ConsoleState['curves'], width: number): string[] {
  const { lately, callsLive, waiting } = now
  const seconds = Math.max(1, lately.seconds)
  const failing = lately.calls === 0 ? 0 : (100 * lately.failed) / lately.calls
  const line = (name: string, value: string, values: readonly (number | null)[], tail: string): string => {
    const curve = sparkline(values, Math.max(0, Math.min(60, width - headWidth - tail.length - 2)))
    return fit(`${name.padEnd(14)}${value.padStart(10)}  ${curve}  ${tail}`, width)
  }
  return [
    line('Calls/s', shortNumber(lately.calls / seconds), curves.calls, `${failing.toFixed(0)} % fail`),
    line('First token', shortTime(lately.firstTokenP50Ms), curves.firstTokenP50Ms, tailOf(lately.firstTokenP95Ms)),
    line('Tokens/s', shortNumber(lately.outputTokens / seconds), curves.outputTokens, ''),
    line('In hand', shortNumber(callsLive), curves.callsLive, `${shortNumber(waiting)} in line`),
  ]
}

function tailOf(ms: number | null): string {
  return ms === null ? '' : `95 % in ${shortTime(ms)}`
}

function upstreamLines({ upstreams, upstreamsLeftOut }: Overview, width: number): string[] {
  const nameWidth = Math.max(12, Math.min(32, width - 58))
  const head = `${'UPSTREAM'.padEnd(nameWidth)} ${'STATE'.padEnd(10)}${'CALLS'.padStart(10)}${'TOKENS'.padStart(14)}${'FAILED'.padStart(9)}  ENGINE`
  const row = (upstream: UpstreamSeen): string => {
    const { name, state, calls, callsMax, work, workMax, failed, engine } = upstream
    const told = engine ? `${engine.running} run, ${engine.waiting} wait` : ''
    const numbers = `${`${calls}/${shortNumber(callsMax)}`.padStart(10)}${`${shortNumber(work)}/${shortNumber(workMax)}`.padStart(14)}${shortNumber(failed).padStart(9)}  ${told}`
    const color = state === 'up' ? 'green' : badness(upstream) <= badness({ state: 'returning' }) ? 'yellow' : 'red'
    return `${fit(name, nameWidth)} ${paint(fit(state, 10), color)}${fit(numbers, width - nameWidth - 11)}`
  }
  const sorted = upstreams.toSorted((a, b) => badness(b) - badness(a))
  return [
    paint(fit(head, width), 'dim'),
    ...sorted.map(row),
    ...(upstreamsLeftOut > 0 ? [fit(`and ${upstreamsLeftOut} more`, width)] : []),
    '',
  ]
}

function faultLines({ faults, faultsSeconds }: Overview, width: number): string[] {
  if (faults.length === 0) return []
  const codeWidth = Math.max(20, Math.min(60, width - 20))
  const head = `${fit(`FAULT (last ${faultsSeconds / 60} min)`, codeWidth)}${'CALLERS'.padStart(9)}${'ATTEMPTS'.padStart(10)}`
  const rows = faults.slice(0, faultsMax).map(({ code, title, calls, attempts }) => {
    const callers = shortNumber(calls).padStart(9)
    const text = fit(`${code}  ${title}`, codeWidth)
    return `${text}${calls > 0 ? paint(callers, 'red') : callers}${shortNumber(attempts).padStart(10)}`
  })
  return [paint(fit(head, width), 'dim'), ...rows, '']
}

function workerLines({ workers }: Overview, width: number): string[] {
  const rows = workers.map(({ number, pid, state, rung, reason, callsLive }) => {
    const tail = `${String(callsLive).padStart(7)}  ${rung}${reason === '' ? '' : `: ${reason}`}`
    const color = state === 'ready' ? 'green' : 'yellow'
    return `${fit(`${number} (${pid})`, 16)}${paint(fit(state, 10), color)}${fit(tail, width - 26)}`
  })
  return [
    paint(fit(`${'WORKER'.padEnd(16)}${'STATE'.padEnd(10)}${'CALLS'.padStart(7)}  PRESSURE`, width), 'dim'),
    ...rows,
  ]
}
