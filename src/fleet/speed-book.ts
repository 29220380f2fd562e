/**
 * What workers have learnt of the speeds of servers, kept for those who come later: the newest of each kind, for each
 * model at each address. Old entries are forgotten, and what is read from a file is believed only where it makes sense.
 */
import type { Learnt } from './measured-line.ts'
import type { LearntSpeed } from './speed.ts'

export interface SpeedEntry extends LearntSpeed {
  /** Base URL of the server: under the same name there may be another one tomorrow. */
  readonly url: string
  /** Its name there. */
  readonly model: string
}

/** Longer ago is not even a hint. */
const ageMsMax = 86_400_000
/** The one that was longest not heard of makes room. */
export const entriesMax = 2000
/** What was confirmed again is news after this; a changed line is at once. */
const newsMs = 10_000

/** What is known, and what of it others were told last. */
interface Kept {
  readonly newest: SpeedEntry
  readonly told: SpeedEntry
}

const kinds = ['firstToken', 'gap', 'whole'] as const

export class SpeedBook {
  #entries = new Map<string, Kept>()

  get entries(): readonly SpeedEntry[] {
    return [...this.#entries.values()].map(({ newest }) => newest)
  }

  /** Takes in what is newer than what is there; returns what has changed so much that others should know. */
  add(entries: readonly SpeedEntry[], nowMs: number): SpeedEntry[] {
    const news: SpeedEntry[] = []
    for (const entry of entries) {
      const key = JSON.stringify([entry.url, entry.model])
      const known = this.#entries.get(key)
      const newest = merge(known?.newest, entry, nowMs)
      if (newest === null) continue
      const isNews = !known || kinds.some((kind) => isOther(known.told[kind], newest[kind]))
      this.#entries.delete(key)
      this.#entries.set(key, { newest, told: isNews || !known ? newest : known.told })
      if (isNews) news.push(newest)
    }
    for (const [key] of this.#entries) {
      if (this.#entries.size <= entriesMax) break
      this.#entries.delete(key)
    }
    return news
  }

  toString(): string {
    return `${JSON.stringify({ entries: this.entries })}\n`
  }
}

/** Null when nothing in it is of a later time. */
function merge(known: SpeedEntry | undefined, entry: SpeedEntry, nowMs: number): SpeedEntry | null {
  const { url, model } = entry
  const merged: { -readonly [Kind in keyof LearntSpeed]: Learnt | undefined } = {}
  let isNewer = false
  for (const kind of kinds) {
    const [old, fresh] = [known?.[kind], entry[kind]]
    const isLater = fresh !== undefined && isBelievable(fresh, nowMs) && (old === undefined || fresh.atMs > old.atMs)
    isNewer ||= isLater
    merged[kind] = isLater ? fresh : old
  }
  return isNewer ? { url, model, ...merged } : null
}

/** A clock that was set back makes all that is known come from the future. */
function isBelievable({ atMs }: Learnt, nowMs: number): boolean {
  return atMs <= nowMs + newsMs && nowMs - atMs < ageMsMax
}

/** It says something else than what was told, or confirms it much later. */
function isOther(told: Learnt | undefined, now: Learnt | undefined): boolean {
  if (now === undefined) return false
  if (told === undefined) return true
  return now.atMs - told.atMs >= newsMs || now.slope !== told.slope || now.intercept !== told.intercept
}
