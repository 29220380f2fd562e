/** Answers of the journal as durable streams under their ray: any client of that protocol can read them. */
import { parseRay } from '../fault/ray.ts'
import type { Clock } from '../ground/clock.ts'
import type { RelayPlane } from '../relay/relay.ts'
import type { JournalCursor } from '../store/journal.ts'
import type { ReadOnlySource, ReadOnlyStream } from './durable-streams/read-only-source.ts'

/** How often somebody who waits for more is told to look: the answer may be made by another process. */
const pollMs = 50

export function answerStreams(relay: RelayPlane, clock: Clock): ReadOnlySource {
  return async (caller, name) => {
    if (parseRay(name) === null) return null
    const cursor = await relay.look(name, caller).catch(() => null)
    return cursor && new AnswerStream(cursor, clock)
  }
}

class AnswerStream implements ReadOnlyStream {
  readonly contentType: string
  #cursor: JournalCursor
  #clock: Clock

  constructor(cursor: JournalCursor, clock: Clock) {
    this.#cursor = cursor
    this.#clock = clock
    this.contentType = cursor.info.isStream ? 'text/event-stream' : 'application/json'
  }

  async read(from: number, bytesMax: number) {
    const events = await this.#cursor.read(from, bytesMax)
    const { count, outcome } = this.#cursor
    return events && { events, count, isClosed: outcome !== null }
  }

  onChange(listener: () => void): Disposable {
    return this.#clock.every(pollMs, listener)
  }
}
