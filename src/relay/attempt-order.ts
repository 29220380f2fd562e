/** What one attempt is told to do. */
import type { Translation } from '../dialect/translation.ts'
import type { Timeouts } from '../fleet/pool-options.ts'
import type { Upstream } from '../fleet/upstream.ts'
import type { Passage } from './overload/gate.ts'
import type { Wire } from './wire/wire.ts'

export interface AttemptOrder {
  readonly upstream: Upstream
  /** Its way through the gate of the upstream; ended by whoever entered. */
  readonly passage: Passage
  readonly wire: Wire
  readonly translation: Translation
  readonly isStream: boolean
  /** Headers that go to the upstream, credentials included, lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly timeouts: Timeouts
  /** Until the first token, while another upstream can be asked; at most as long as the timeouts say. */
  readonly switchMs: number
  /** Largest whole answer, bytes. */
  readonly answerBytesMax: number
}
