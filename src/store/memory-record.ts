/** The record in memory: the last facts, for a gateway that keeps nothing on a disk. */
import type { SumFact } from '../observe/fact.ts'
import { type FactRow, readRow } from '../observe/fact-row.ts'
import type { FactShelf } from '../observe/recording.ts'
import { type CallCount, entriesMax, type Entry, type FactFilter, type Page, type RecordReader } from './record.ts'

const rowsMax = 10_000
const bytesMax = 8 * 2 ** 20
/** A row costs so much beside its text. */
const rowBytes = 300

interface Kept {
  readonly id: number
  readonly row: FactRow
  readonly node: string
}

export class MemoryRecord implements FactShelf, RecordReader {
  readonly #node: string
  /** In order of time, the oldest at `#first`. */
  #kept: Kept[] = []
  #first = 0
  #bytes = 0
  #lastId = 0
  /** Nothing is lost that was promised to be kept. */
  readonly lostCount = 0

  /** Set by who passes on what is noted here. */
  onRow: (row: FactRow) => void = () => {}

  /** `node`: the name of this process. */
  constructor(node: string) {
    this.#node = node
  }

  put(row: FactRow): void {
    this.take(row, this.#node)
    this.onRow(row)
  }

  /** A fact of another process. */
  take(row: FactRow, node: string): void {
    this.#kept.push({ id: ++this.#lastId, row, node })
    this.#bytes += costOf(row)
    while (this.#kept.length - this.#first > rowsMax || this.#bytes > bytesMax) this.#dropFirst()
  }

  byRay(ray: string): Entry[] {
    return this.#find((row) => row.ray === ray, entriesMax).toReversed()
  }

  latest(filter: FactFilter, countMax: number, cursor: number | null = null): Page {
    const limit = Math.min(countMax, entriesMax)
    const entries = this.#find((row, id) => (cursor === null || id < cursor) && isWanted(row, filter), limit)
    return { entries, next: entries.length < limit ? null : (entries.at(-1)?.id ?? null) }
  }

  earliest(filter: FactFilter, countMax: number): Entry[] {
    return this.#find((row) => isWanted(row, filter), rowsMax)
      .toReversed()
      .slice(0, Math.min(countMax, entriesMax))
  }

  lastFailure(): Entry | null {
    // What was asked of the operators' port is nobody's call.
    const isFailure = ({ kind, code, body }: FactRow): boolean =>
      kind === 'call' && code !== null && !body.includes('"route":"admin"')
    return this.#find(isFailure, 1)[0] ?? null
  }

  counts(fromMs: number, toMs: number): CallCount[] {
    const sums = new Map<string, CallCount>()
    for (const { fact } of this.#find((row) => isWanted(row, { kinds: ['sum'], fromMs, toMs }), rowsMax)) {
      const { route, model, upstream, outcome, code, tier, caller } = fact as SumFact
      const key = JSON.stringify([route, model, upstream, outcome, code, tier, caller])
      sums.set(key, added(fact as SumFact, sums.get(key)))
    }
    return [...sums.values()].toSorted((a, b) => b.count - a.count).slice(0, entriesMax)
  }

  /** What is kept stays readable; it goes with the process. */
  [Symbol.dispose](): void {}

  /** The newest first. */
  #find(isIt: (row: FactRow, id: number) => boolean, countMax: number): Entry[] {
    const found: Entry[] = []
    for (let i = this.#kept.length - 1; i >= this.#first && found.length < countMax; i--) {
      const { id, row, node } = this.#kept[i] as Kept
      const fact = isIt(row, id) ? readRow(row, node) : null
      if (fact) found.push({ id, fact })
    }
    return found
  }

  #dropFirst(): void {
    this.#bytes -= costOf((this.#kept[this.#first] as Kept).row)
    this.#first++
    if (this.#first < rowsMax) return
    this.#kept = this.#kept.slice(this.#first)
    this.#first = 0
  }
}

function costOf({ body }: FactRow): number {
  return body.length + rowBytes
}

function isWanted(row: FactRow, { kinds, upstream, code, isEventful, fromMs, toMs }: FactFilter): boolean {
  return (
    (kinds === undefined || kinds.includes(row.kind)) &&
    (upstream === undefined || row.upstream === upstream) &&
    (code === undefined || row.code === code) &&
    (!isEventful || row.rank > 0) &&
    (fromMs === undefined || row.atMs >= fromMs) &&
    (toMs === undefined || row.atMs < toMs)
  )
}

function added(sum: SumFact, before: CallCount | undefined): CallCount {
  const { route, model, upstream, outcome, code, tier, caller } = sum
  return {
    route,
    model,
    upstream,
    outcome,
    code,
    tier,
    caller,
    slowCount: sum.slowCount + (before?.slowCount ?? 0),
    count: sum.count + (before?.count ?? 0),
    durationMs: sum.durationMs + (before?.durationMs ?? 0),
    firstTokenMs: sum.firstTokenMs + (before?.firstTokenMs ?? 0),
    firstTokenCount: sum.firstTokenCount + (before?.firstTokenCount ?? 0),
    inputTokens: sum.inputTokens + (before?.inputTokens ?? 0),
    outputTokens: sum.outputTokens + (before?.outputTokens ?? 0),
    attemptCount: sum.attemptCount + (before?.attemptCount ?? 0),
    seamCount: sum.seamCount + (before?.seamCount ?? 0),
  }
}
