/** What diagnosis needs of a record. */
import type { Fact, FactKind } from '../observe/fact.ts'

/** What is asked of a record; the newest facts where there are more than `countMax`. */
export interface FactSource {
  lastFailure(): { readonly fact: Fact } | null
  byRay(ray: string): readonly { readonly fact: Fact }[]
  around(fromMs: number, toMs: number, kinds: readonly FactKind[], countMax: number): readonly { readonly fact: Fact }[]
  latest(
    filter: { readonly kinds: readonly FactKind[] },
    countMax: number,
  ): { readonly entries: readonly { readonly fact: Fact }[] }
}
