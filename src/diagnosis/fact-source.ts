/** What diagnosis needs of a record. */
import type { Fact, FactKind } from '../observe/fact.ts'

export interface FactWish {
  readonly kinds: readonly FactKind[]
  readonly upstream?: string
  readonly code?: string
  readonly fromMs?: number
  readonly toMs?: number
}

interface Told {
  readonly id: number
  readonly fact: Fact
}

/** What is asked of a record. */
export interface FactSource {
  lastFailure(): { readonly fact: Fact } | null
  byRay(ray: string): readonly Told[]
  /** The newest first. */
  latest(wish: FactWish, countMax: number): { readonly entries: readonly Told[] }
  /** The oldest first. */
  earliest(wish: FactWish, countMax: number): readonly Told[]
}
