/** Proofs of work that visitors of pages were asked for, those that were done, and those that were none. */
export interface ChallengeSums {
  readonly issued: number
  readonly solved: number
  readonly refused: number
}
