/** What was measured of a release since the last look; the loop fills it from what the workers tell of its replicas. */
import type { Sketch } from './sketch.ts'

export interface ReplicaLook {
  readonly name: string
  /** Null where nobody can say. */
  readonly memoryBytes: number | null
  /** What it may take; null where nothing limits it. */
  readonly memoryBytesMax: number | null
  /** Answers it ended since the last look. */
  readonly calls: number
}

/** By what a measure depends on besides the release: see `stratumOf`. */
export type Strata = Readonly<Record<string, Sketch>>

export interface ReleaseLook {
  /** Answers that ended, failed ones too. */
  readonly calls: number
  /**
   * Attempts that the model server failed, by fault code. Not those that broke because a replica died in this time: one
   * death would count as often as it had calls in hand.
   */
  readonly failures: Readonly<Record<string, number>>
  /** Whole answers by how they ended. */
  readonly finished: number
  /** Of these: at the limit of tokens. */
  readonly truncated: number
  /** Of these: refused, by a refusal or a filter. */
  readonly refused: number
  /** Of these: with no word and no tool call in them. */
  readonly empty: number
  /** Calls that offered tools and got a whole answer; of these: with a tool call; of these: one that cannot be read. */
  readonly toolOffers: number
  readonly toolCalls: number
  readonly toolCallsBroken: number
  /** Milliseconds until the first content, by unread prompt and load. */
  readonly ttftMs: Strata
  /** Mean milliseconds between two tokens of an answer, by load. */
  readonly interTokenMs: Strata
  /** Tokens of whole answers. */
  readonly answerTokens: Sketch
  readonly replicas: readonly ReplicaLook[]
  /** Replicas that died by themselves. */
  readonly deaths: number
}

export interface Look {
  /** Time the looks were apart, milliseconds. After a restart: what was really watched. */
  readonly ms: number
  readonly present: ReleaseLook
  readonly next: ReleaseLook
  /** Calls that one replica gets in an hour once the release has all of them. */
  readonly callsPerReplicaHour: number
}

/** An octave and a half of prompt is taken for the same, and half an octave of work in hand. */
const sizeStep = 1.5
const loadStep = 0.5

/**
 * What is compared with what: a call on a replica that is as busy, with as much prompt to read. New replicas have cold
 * caches and little to do, which says nothing about a release.
 * @param unreadTokens of the prompt, as far as the gateway knows; null where the measure does not depend on it
 * @param callsInHand at the replica when the call began
 */
export function stratumOf(unreadTokens: number | null, callsInHand: number): string {
  const load = Math.floor(Math.log2(Math.max(1, callsInHand)) / loadStep)
  if (unreadTokens === null) return `0.${load}`
  return `${Math.floor(Math.log2(Math.max(64, unreadTokens)) / sizeStep)}.${load}`
}
