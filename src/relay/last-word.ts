/** Whether an answer that a dead node left had come to its end already, so that only the seal is missing: pure. */
import type { Call } from '../dialect/call.ts'
import { isErrorEvent, readErrorEvent } from '../dialect/error-event.ts'
import { readPartial } from '../dialect/seam/partial-answer.ts'
import type { Adopted, Outcome } from '../store/journal.ts'

/** How it ended; null for one that is to be gone on with. */
export function lastWord(
  { route, isStream }: Pick<Call, 'route' | 'isStream'>,
  events: Adopted['events'],
): Outcome | null {
  const last = events.at(-1)?.event
  if (!last) return null
  if (isErrorEvent(last)) {
    const { code } = readErrorEvent(last)
    return code === 'HF_CANCELLED' || code === 'HF_CLIENT_GONE' ? 'cancelled' : 'failed'
  }
  // An answer that is not streamed is one event.
  return !isStream || readPartial(route, events).isEnded ? 'complete' : null
}
