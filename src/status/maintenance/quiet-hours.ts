/**
 * When a window of maintenance would touch the fewest calls in the coming week, by how much was called at each hour of
 * the week before. Pure.
 *
 * Few weeks say little of one hour of the week, so its mean is drawn towards what the hour of the day and the day of
 * the week say by themselves: (sum + k · expected) / (n + k), as in credibility theory with a fixed k; the day's own
 * factor in the same way towards 1. With many weeks the hour speaks for itself.
 */
import type { LedgerHour } from '../../store/ledger.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs
const weekMs = 7 * dayMs
const stepMs = 15 * 60_000
/** History that counts: habits change. */
const historyMs = 8 * weekMs
/** An hour that was watched for less says nothing. */
const watchedMin = 45
/** With less nothing honest can be said. */
const hoursMin = 72
const perHourOfDayMin = 2
/** Weight of what is expected of an hour of the week, in weeks; of a day of the week, in hours. */
const priorWeeks = 2
const priorHours = 24
/** Further windows, on other days. */
const othersMax = 2

export interface QuietWindow {
  readonly fromMs: number
  readonly toMs: number
  /** Calls that are expected in it. */
  readonly calls: number
  /** As a share of those in a usual window of that length. */
  readonly share: number
  /** The most that was seen in these hours of the week. */
  readonly callsSeenMax: number
  /** Weeks in which these hours were seen; the fewest of them. */
  readonly weeks: number
}

export type Suggestion =
  | {
      readonly windows: readonly QuietWindow[]
      readonly usualCalls: number
      readonly hours: number
      readonly weeks: number
    }
  /** Why nothing can be said. */
  | { readonly refusal: string; readonly hours: number }

interface Ask {
  readonly minutes: number
  readonly nowMs: number
  readonly timeZone: string
}

interface Seen {
  readonly cell: number
  readonly calls: number
}

/** The best window first, then others on other days. */
export function quietWindows(history: readonly LedgerHour[], { minutes, nowMs, timeZone }: Ask): Suggestion {
  const seen = readHistory(history, nowMs, timeZone)
  const refusal = refusalFor(seen)
  if (refusal !== null) return { refusal, hours: seen.length }
  const profile = new Profile(seen)
  const first = Math.ceil(nowMs / stepMs) * stepMs
  const spanMs = minutes * 60_000
  const cells = new Map<number, number>()
  const cellAt = (ms: number): number => {
    const known = cells.get(ms)
    if (known !== undefined) return known
    const cell = cellOf(ms, timeZone)
    cells.set(ms, cell)
    return cell
  }
  const all: QuietWindow[] = []
  for (let fromMs = first; fromMs < first + weekMs; fromMs += stepMs)
    all.push(weigh({ fromMs, toMs: fromMs + spanMs }, profile, cellAt))
  const usualCalls = all.reduce((sum, { calls }) => sum + calls, 0) / all.length
  const ranked = all
    .map((each) => ({ ...each, share: each.calls / usualCalls }))
    .toSorted((a, b) => a.calls - b.calls || a.fromMs - b.fromMs)
  const dayOf = ({ fromMs }: QuietWindow): string =>
    Temporal.Instant.fromEpochMilliseconds(fromMs).toZonedDateTimeISO(timeZone).toPlainDate().toString()
  const windows: QuietWindow[] = []
  for (const each of ranked) {
    if (windows.length > othersMax) break
    if (
      windows.every((other) => dayOf(other) !== dayOf(each) && (each.toMs <= other.fromMs || each.fromMs >= other.toMs))
    )
      windows.push(each)
  }
  return { windows, usualCalls, hours: seen.length, weeks: Math.ceil(seen.length / 168) }
}

function readHistory(history: readonly LedgerHour[], nowMs: number, timeZone: string): Seen[] {
  return history
    .filter(({ hourMs: atMs, watchedMinutes }) => {
      const isRecent = atMs >= nowMs - historyMs && atMs + hourMs <= nowMs
      return isRecent && watchedMinutes >= watchedMin
    })
    .map(({ hourMs: atMs, calls, watchedMinutes }) => ({
      cell: cellOf(atMs, timeZone),
      calls: (calls * 60) / Math.min(60, watchedMinutes),
    }))
}

function refusalFor(seen: readonly Seen[]): string | null {
  if (seen.length < hoursMin)
    return `the history is too short: ${seen.length} hours were watched, and at least ${hoursMin} are needed`
  const perHour = Array.from({ length: 24 }, (_, hour) => seen.filter(({ cell }) => cell % 24 === hour).length)
  const missing = perHour.findIndex((count) => count < perHourOfDayMin)
  if (missing !== -1)
    return `the history has a gap: the hour from ${String(missing).padStart(2, '0')}:00 was watched on fewer than ${perHourOfDayMin} days`
  if (seen.every(({ calls }) => calls === 0)) return 'no calls were seen: any time is as quiet as another'
  return null
}

/** Calls that are expected in each hour of the week. */
class Profile {
  readonly #means: number[] = []
  readonly #maxima: number[] = []
  readonly #weeks: number[] = []

  constructor(seen: readonly Seen[]) {
    const byHour = meansBy(seen, 24, ({ cell }) => cell % 24)
    const factors = Array.from({ length: 7 }, (_, day) => {
      const own = seen.filter(({ cell }) => Math.floor(cell / 24) === day)
      const mean = byHour.reduce((sum, each) => sum + each, 0) / 24
      const prior = priorHours * mean
      return (sumOf(own) + prior) / (own.reduce((sum, { cell }) => sum + (byHour[cell % 24] ?? 0), 0) + prior)
    })
    const cells = Map.groupBy(seen, ({ cell }) => cell)
    for (let cell = 0; cell < 168; cell++) {
      const own = cells.get(cell) ?? []
      const expected = (byHour[cell % 24] ?? 0) * (factors[Math.floor(cell / 24)] ?? 1)
      this.#means.push((sumOf(own) + priorWeeks * expected) / (own.length + priorWeeks))
      this.#maxima.push(Math.max(0, ...own.map(({ calls }) => calls)))
      this.#weeks.push(own.length)
    }
  }

  of(cell: number): { mean: number; max: number; weeks: number } {
    return { mean: this.#means[cell] ?? 0, max: this.#maxima[cell] ?? 0, weeks: this.#weeks[cell] ?? 0 }
  }
}

function weigh(
  { fromMs, toMs }: { fromMs: number; toMs: number },
  profile: Profile,
  cellAt: (ms: number) => number,
): QuietWindow {
  let [calls, callsSeenMax, weeks] = [0, 0, Number.POSITIVE_INFINITY]
  for (let ms = fromMs; ms < toMs; ms += stepMs) {
    const share = Math.min(stepMs, toMs - ms) / hourMs
    const { mean, max, weeks: seen } = profile.of(cellAt(ms))
    calls += mean * share
    callsSeenMax += max * share
    weeks = Math.min(weeks, seen)
  }
  return { fromMs, toMs, calls, callsSeenMax, weeks, share: 0 }
}

/** By the clock of the place: callers live by it, also when it is changed. */
function cellOf(ms: number, timeZone: string): number {
  const { dayOfWeek, hour } = Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(timeZone)
  return (dayOfWeek - 1) * 24 + hour
}

function meansBy(seen: readonly Seen[], count: number, keyOf: (each: Seen) => number): number[] {
  const sums = Array.from({ length: count }, () => ({ calls: 0, seen: 0 }))
  for (const each of seen) {
    const sum = sums[keyOf(each)]
    if (!sum) continue
    sum.calls += each.calls
    sum.seen++
  }
  return sums.map(({ calls, seen: times }) => (times === 0 ? 0 : calls / times))
}

const sumOf = (seen: readonly Seen[]): number => seen.reduce((sum, { calls }) => sum + calls, 0)
