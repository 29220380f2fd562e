/**
 * The contract of the log of incidents: what happened to them, in order, and never changed. Each entry is sealed with
 * the one before it, so that a history that was edited shows.
 */

/** An entry as it is kept; `text` is what whoever wrote it put there. */
export interface StatusEntry {
  /** From 1, without a gap. */
  readonly number: number
  readonly text: string
}

export interface StatusLog extends Disposable {
  /** @throws when it cannot be written. */
  append(text: string): void
  /** Those behind number `after`, at most so many. */
  read(after: number, countMax: number): readonly StatusEntry[]
  /** The number of the first entry that is not as it was written, or that is missing; null where all are. */
  firstBroken(): number | null
}

const entriesAtOnce = 1000

/** All entries behind number `after`, in pages. @throws when the log cannot be read. */
export function* entriesAfter(log: Pick<StatusLog, 'read'>, after: number): Generator<StatusEntry> {
  for (let last = after; ; ) {
    const entries = log.read(last, entriesAtOnce)
    yield* entries
    last = entries.at(-1)?.number ?? last
    if (entries.length < entriesAtOnce) return
  }
}

/** The longest entry, in characters. */
export const entryLengthMax = 1_000_000
