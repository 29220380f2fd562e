/** What one call wants of the answer cache, and the names under which answers to calls that ask the same are found. */

import type { CacheOptions } from './cache-options.ts'

export interface CacheRules extends CacheOptions {
  /** Answers serve longer than the journal keeps what was not asked to be stored. */
  readonly outlastsJournal: boolean
}

/** What came of it. `semantic`: the answer to another question, which means the same. */
export type CacheState = 'hit' | 'semantic' | 'miss' | 'refreshed' | 'stale' | 'collapsed'

/** What is looked for among the answers to questions that mean the same. */
export interface SemanticWish {
  /** The question, as it is turned into a vector. */
  readonly text: string
  /** Its words, hashed: what a vector may not show. */
  readonly wording: string
  /** Where such questions are kept, each for one form of answers; its own first, then those that one can be made of. */
  readonly scopes: readonly string[]
  /** For how long its own is of use, milliseconds. */
  readonly keepMs: number
}

export interface CacheWish {
  /** The journal's alias of the answer that is kept for such calls. */
  readonly keptName: string
  /** Kept answers that one can be made of. */
  readonly otherNames: readonly string[]
  /** The alias that the answer bears to which such calls are joined while it is made. */
  readonly liveName: string
  /** May be answered with what is there, or is being made. */
  readonly mayRead: boolean
  /** Its answer may be kept for others. */
  readonly mayKeep: boolean
  /** A model server may be asked. */
  readonly mayAsk: boolean
  /** Others may wait for its answer: it has no hurry of its own that could end it early. */
  readonly mayLead: boolean
  /** It serves longer than the journal would keep it by itself. */
  readonly isKeptLong: boolean
  /** Any key may have the answer. */
  readonly isShared: boolean
  /** Null where only the same question will do. */
  readonly semantic: SemanticWish | null
  /** A larger answer is not kept for others. */
  readonly answerBytesMax: number
  /** An answer that began earlier is too old. */
  readonly ageMsMax: number
  /** So much older it may be when it cannot be had anew. */
  readonly staleMsMax: number
}
