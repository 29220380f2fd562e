/**
 * The rungs of the continuation ladder: the ways of going on with a broken answer elsewhere, best first.
 *
 * | rung        | what is asked                                           | the caller gets                              |
 * |-------------|---------------------------------------------------------|----------------------------------------------|
 * | token-exact | the prompt's and the answer's token ids as the prompt   | what an unbroken answer would have been      |
 * | prefill     | the said text as a last assistant message, left open    | an unbroken text; a token may differ         |
 * | prefix-flag | the same, marked `prefix: true` (Mistral, DeepSeek)     | the same                                     |
 * | ask-again   | the same call again; it must begin with what was said   | an exact answer, or none from this upstream  |
 * | ask-rest    | a user turn that quotes what was said, for the rest     | a text joined by likeness: approximate       |
 * | regenerate  | the same call again, nothing of which has been told     | an exact answer                              |
 */
import type { Route } from '../call.ts'

export const rungNames = ['token-exact', 'prefill', 'prefix-flag', 'ask-again', 'ask-rest', 'regenerate'] as const

export type RungName = (typeof rungNames)[number]

export interface Rung {
  readonly name: RungName
  /** The texts are joined by likeness, or without the schema they should keep to: told to whoever asks. */
  readonly isApproximate: boolean
  /** Asked without the schema of the call, and told only once the whole text is JSON. */
  readonly leavesSchema: boolean
}

/** The upstream that is to go on. */
export interface LegFacts {
  /** Its name in the configuration. */
  readonly upstream: string
  /** What kind of server it is: `vllm`, `anthropic`, …; others go by what all of their language can do. */
  readonly kind: string
  readonly speaks: ReadonlySet<Route>
  /** The model's name there. */
  readonly model: string
  /** The model that began the answer answers here too. */
  readonly isSameModel: boolean
  /** What it is believed to support; the ladder keeps to it. */
  readonly rungs: ReadonlySet<RungName>
}
