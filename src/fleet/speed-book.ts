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

const kinds = ['firstToken', 'gap', 'whole'] as const

export class SpeedBook {
  #entries = new Map<string, SpeedEntry>()

  get entries(): readonly SpeedEntry[] {
    return [...this.#entries.values()]
  }

  /** Takes in what is newer than what is there; returns what has changed so much that others should know. */
  add(entries: readonly SpeedEntry[], nowMs: number): SpeedEntry[] {
    const news: SpeedEntry[] = []
    for (const entry of entries) {
      const key = JSON.stringify([entry.url, entry.model])
      const known = this.#entries.get(key)
      const merged = merge(known, entry, nowMs)
      if (merged === null) continue
      this.#entries.delete(key)
      this.#entries.set(key, merged)
      news.push(merged)
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

/** Null when nothing in it is news. */
function merge(known: SpeedEntry | undefined, entry: SpeedEntry, nowMs: number): SpeedEntry | null {
  const { url, model } = entry
  const merged: { -readonly [Kind in keyof LearntSpeed]: Learnt | undefined } = {}
  let isNews = false
  for (const kind of kinds) {
    const [old, fresh] = [known?.[kind], entry[kind]]
    const isNewer = fresh !== undefined && isBelievable(fresh, nowMs) && (old === undefined || fresh.atMs > old.atMs)
    isNews ||= isNewer && (old === undefined || !isAlike(old, fresh))
    merged[kind] = isNewer ? fresh : old
  }
  return isNews ? { url, model, ...merged } : null
}

/** A clock that was set back makes all that is known come from the future. */
function isBelievable({ atMs }: Learnt, nowMs: number): boolean {
  return atMs <= nowMs + newsMs && nowMs - atMs < ageMsMax
}

function isAlike(old: Learnt, fresh: Learnt): boolean {
  return fresh.atMs - old.atMs < newsMs && fresh.slope === old.slope && fresh.intercept === old.intercept
}
