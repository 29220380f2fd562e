/** Proofs of work that visitors of pages were asked for, those that were done, and those that were none. */
export type ChallengeSums = Readonly<Record<'issued' | 'solved' | 'refused', number>>
