/**
 * The rollouts of all deployments: one at a time each, and those that are over. Plain JSON in and out, for the database
 * that keeps it; the loop asks it at each look.
 */
import { command, lead, type RolloutCommand, type Seen } from './rollout.ts'
import type { RolloutOptions, Strategy } from './rollout-options.ts'
import { type HistoryEntry, isOver, newRollout, type RolloutOrder, type RolloutState } from './rollout-state.ts'

/** What operators are told. */
export interface RolloutView {
  readonly id: string
  readonly deployment: string
  readonly from: string | null
  readonly to: string
  readonly strategy: Strategy
  readonly begunMs: number
  readonly phase: RolloutState['phase']
  readonly share: number
  readonly isPaused: boolean
  readonly reason: string | null
  /** What the next step waits for. */
  readonly open: readonly string[]
  /** The measures that look worst, in words. */
  readonly evidence: readonly string[]
  readonly history: readonly HistoryEntry[]
}

export interface RolloutBookState {
  rollouts: RolloutState[]
}

/** Of each deployment; the one that goes on is never forgotten. */
const keptMax = 20
const evidenceMax = 3

/** What is wrong with an order, in the operator's words. */
export class RolloutError extends Error {
  override name = 'RolloutError'
}

export class RolloutBook {
  #rollouts: RolloutState[]

  constructor(state: RolloutBookState = { rollouts: [] }) {
    this.#rollouts = structuredClone(state.rollouts)
  }

  toJSON(): RolloutBookState {
    return { rollouts: this.#rollouts }
  }

  /** @throws {RolloutError} while another goes on */
  begin(order: RolloutOrder, nowMs: number): RolloutState {
    const other = this.live(order.deployment)
    // A warm one has nothing left to do but to be there for a rollback.
    if (other && other.phase !== 'warm')
      throw new RolloutError(`${order.deployment}: ${other.to} is being deployed (${other.phase}); roll it back first`)
    if (order.from === order.to) throw new RolloutError(`${order.deployment} runs ${order.to} already`)
    if (other) Object.assign(other, { phase: 'done', phaseMs: 0 })
    const state = newRollout(order, nowMs)
    this.#rollouts.push(state)
    this.#forget(order.deployment)
    return state
  }

  /** The one that goes on; null for none. */
  live(deployment: string): RolloutState | null {
    return this.#rollouts.find((each) => each.deployment === deployment && !isOver(each)) ?? null
  }

  /** The release that a deployment runs for good; null where nothing was deployed. */
  release(deployment: string): string | null {
    const last = this.#rollouts.findLast((each) => each.deployment === deployment && each.phase === 'done')
    return last?.to ?? null
  }

  /** @throws {RolloutError} */
  command(deployment: string, asked: RolloutCommand, by: string, nowMs: number): RolloutState {
    const state = this.live(deployment)
    if (!state) throw new RolloutError(`${deployment}: no rollout goes on`)
    try {
      return this.#put(command(state, asked, by, nowMs))
    } catch (error) {
      throw new RolloutError(error instanceof Error ? error.message : String(error))
    }
  }

  /** Null where none goes on. */
  advance(deployment: string, seen: Seen, options: RolloutOptions): RolloutState | null {
    const state = this.live(deployment)
    if (state) lead(state, seen, options)
    return state
  }

  /** The latest first. */
  views(deployment?: string): RolloutView[] {
    return this.#rollouts
      .filter((each) => deployment === undefined || each.deployment === deployment)
      .map(viewOf)
      .toReversed()
  }

  #put(state: RolloutState): RolloutState {
    this.#rollouts = this.#rollouts.map((each) => (each.id === state.id ? state : each))
    return state
  }

  #forget(deployment: string): void {
    const over = this.#rollouts.filter((each) => each.deployment === deployment && isOver(each))
    const old = new Set(over.slice(0, Math.max(0, over.length - keptMax)))
    // What runs is known by it.
    const running = over.findLast(({ phase }) => phase === 'done')
    if (running) old.delete(running)
    this.#rollouts = this.#rollouts.filter((each) => !old.has(each))
  }
}

function viewOf(state: RolloutState): RolloutView {
  const { id, deployment, from, to, strategy, begunMs, phase, share, isPaused, reason, verdict, history } = state
  const evidence = verdict?.evidence.slice(0, evidenceMax).map(({ measure, words }) => `${measure}: ${words}`) ?? []
  return {
    ...{ id, deployment, from, to, strategy, begunMs, phase, share, isPaused, history, evidence },
    reason: reason?.words ?? null,
    open: phase === 'shifting' || phase === 'inconclusive' ? (verdict?.open ?? []) : [],
  }
}
