/** `holdfast maintenance suggest`: when a window would touch the fewest calls in the coming week. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { quietWindows, type QuietWindow, type Suggestion } from '../status/maintenance/quiet-hours.ts'
import type { LedgerHour } from '../store/ledger.ts'
import { ledgerFileName } from '../store/sqlite-ledger.ts'
import { LedgerQuery } from '../store/sqlite-ledger-query.ts'
import { recordFileName } from '../store/sqlite-record-file.ts'
import { RecordQuery } from '../store/sqlite-record-query.ts'
import { commandConfig, type ConfigOptions } from './command-config.ts'
import { placeTime } from './maintenance.ts'

const hourMs = 3_600_000
const historyMs = 56 * 24 * hourMs
/** The record is asked hour by hour, and keeps a week as a rule. */
const recordHours = 7 * 24

export interface SuggestOptions extends ConfigOptions {
  readonly minutes: number
  readonly json?: boolean
}

/** Exit code 1 where nothing honest can be said. */
export function suggestMaintenance(options: SuggestOptions): void {
  const { stateDir, status } = commandConfig(options)
  const nowMs = Date.now()
  const { timeZone } = status
  const suggestion = quietWindows(history(stateDir, nowMs), { minutes: options.minutes, nowMs, timeZone })
  process.stdout.write(
    options.json ? `${JSON.stringify(asJson(suggestion), null, 2)}\n` : words(suggestion, options.minutes, timeZone),
  )
  if ('refusal' in suggestion) process.exitCode = 1
}

/** By the ledger, or by the record's sums where that knows more. */
function history(stateDir: string, nowMs: number): readonly LedgerHour[] {
  const fromLedger = readFile(join(stateDir, ledgerFileName), (path) => {
    using ledger = new LedgerQuery(path)
    return ledger.hours(nowMs - historyMs, nowMs)
  })
  const fromRecord = readFile(join(stateDir, recordFileName), (path) => readRecord(path, nowMs))
  return fromLedger.length >= fromRecord.length ? fromLedger : fromRecord
}

function readFile(path: string, read: (path: string) => readonly LedgerHour[]): readonly LedgerHour[] {
  return existsSync(path) ? read(path) : []
}

/** A worker tells every ten seconds what it uses: an hour in which none did was not watched. */
function readRecord(path: string, nowMs: number): LedgerHour[] {
  using record = new RecordQuery(path)
  const last = Math.floor(nowMs / hourMs) * hourMs
  const hours: LedgerHour[] = []
  for (let atMs = last - recordHours * hourMs; atMs < last; atMs += hourMs) {
    const isWatched = record.latest({ kinds: ['resource'], fromMs: atMs, toMs: atMs + hourMs }, 1).entries.length > 0
    if (!isWatched) continue
    const calls = record.counts(atMs, atMs + hourMs).reduce((sum, { count }) => sum + count, 0)
    hours.push({ hourMs: atMs, calls, watchedMinutes: 60 })
  }
  return hours
}

function asJson(suggestion: Suggestion): object {
  if ('refusal' in suggestion) return suggestion
  const moment = (ms: number): string => new Date(ms).toISOString()
  const windows = suggestion.windows.map(({ fromMs, toMs, ...rest }) => ({
    from: moment(fromMs),
    to: moment(toMs),
    ...rest,
  }))
  return { ...suggestion, windows }
}

function words(suggestion: Suggestion, minutes: number, timeZone: string): string {
  if ('refusal' in suggestion) return `No window can be suggested: ${suggestion.refusal}.\n`
  const { windows, usualCalls, hours } = suggestion
  const [best, ...others] = windows
  if (!best) return 'No window can be suggested.\n'
  const thin =
    best.weeks < 2 ? ' These hours were seen in fewer than two weeks: what is said of them leans on other days.' : ''
  return [
    `The quietest ${minutes} minutes of the coming week:`,
    windowLine(best, timeZone),
    ...(others.length > 0 ? ['On other days:', ...others.map((each) => windowLine(each, timeZone))] : []),
    `A usual window of that length has ${calls(usualCalls)}. From ${hours} hours of history.${thin}`,
    `To plan it: holdfast maintenance add --title … --from ${new Date(best.fromMs).toISOString().slice(0, 16)}Z --minutes ${minutes}`,
    '',
  ].join('\n')
}

function windowLine({ fromMs, calls: expected, share, callsSeenMax }: QuietWindow, timeZone: string): string {
  return `  ${placeTime(fromMs, timeZone)}: about ${calls(expected)}, ${Math.round(100 * share)} % of usual; at most ${calls(callsSeenMax)} seen`
}

function calls(count: number): string {
  const rounded = count < 10 ? Math.round(count * 10) / 10 : Math.round(count)
  return `${rounded.toLocaleString('en')} ${rounded === 1 ? 'call' : 'calls'}`
}
