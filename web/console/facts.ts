/** Facts of the record, as the operators' port tells them. */
import type { Fact, FactKind } from '../../src/observe/fact.ts'
import { ask } from './ask.ts'

/** With its place in the record, and in one line for people. */
export type Told = Fact & { readonly id: number; readonly words: string }

export interface FactPage {
  readonly facts: readonly Told[]
  /** Where the next, older page begins. */
  readonly next: number | null
}

/** Samples and sums are many, and each alone says little. */
export const usualKinds: readonly FactKind[] = [
  ...(['call', 'seam', 'client', 'adoption', 'breaker', 'upstream', 'key', 'probe', 'pressure'] as const),
  ...(['worker', 'engine', 'deploy', 'config', 'journal', 'certificate', 'maintenance'] as const),
]

export function askFacts(query: Readonly<Record<string, string>>): Promise<FactPage> {
  return ask<FactPage>(`/record?${new URLSearchParams(query).toString()}`)
}

/** Something went wrong, or was saved. */
export function isTrouble(fact: Fact): boolean {
  if (fact.kind === 'call') return fact.isEventful
  if (fact.kind === 'config' || fact.kind === 'deploy') return /refused|failed/.test(fact.state)
  if (fact.kind === 'worker' || fact.kind === 'engine') return !fact.isExpected && fact.state !== 'ready'
  return fact.kind !== 'probe' && fact.kind !== 'maintenance'
}

/** How a fact is coloured. */
export function toneOf(fact: Fact): 'good' | 'warn' | 'bad' | '' {
  if (fact.kind === 'call') return fact.outcome === 'failed' ? 'bad' : fact.isEventful ? 'warn' : ''
  if (fact.kind === 'breaker') return fact.state === 'returned' ? 'good' : 'bad'
  if (fact.kind === 'upstream') return fact.state === 'up' ? 'good' : 'bad'
  if (fact.kind === 'worker' || fact.kind === 'engine')
    return fact.state === 'ready' ? 'good' : fact.isExpected ? '' : 'bad'
  if (fact.kind === 'journal') return 'bad'
  if (fact.kind === 'pressure') return fact.rung === 'calm' && fact.store === 'calm' ? 'good' : 'warn'
  return fact.code === null ? '' : 'warn'
}
