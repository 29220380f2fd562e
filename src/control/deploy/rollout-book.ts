/**
 * The rollouts of all deployments: one at a time each, and those that are over. Plain JSON in and out, for the database
 * that keeps it; the loop asks it at each look.
 */
import { newJudge } from './judge.ts'
import { callOff, command, lead, type RolloutCommand, type Seen } from './rollout.ts'
import type { RolloutOptions, Strategy } from './rollout-options.ts'
import { enter, type HistoryEntry, isOver, newRollout, type RolloutOrder, type RolloutState } from './rollout-state.ts'

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
  /** Answers of the new release that were judged. */
  readonly calls: number
  /** What the next step waits for. */
  readonly open: readonly string[]
  /** The measures that look worst, in words. */
  readonly evidence: readonly string[]
  readonly history: readonly HistoryEntry[]
}

/** What a deployment runs for good. */
export interface Running {
  release: string
  /** What the configuration named then; empty where nobody has looked. */
  configured: string
}

export interface RolloutBookState {
  rollouts: RolloutState[]
  running: Record<string, Running>
}

/** As it is in the configuration. */
export interface Configured {
  readonly release: string
  readonly releases: readonly string[]
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
  #running: Map<string, Running>

  constructor(state: RolloutBookState = { rollouts: [], running: {} }) {
    this.#rollouts = structuredClone(state.rollouts)
    this.#running = new Map(Object.entries(structuredClone(state.running)))
  }

  toJSON(): RolloutBookState {
    return { rollouts: this.#rollouts, running: Object.fromEntries(this.#running) }
  }

  /**
   * What was deployed last runs until the configuration names another release, or has it no more: then the configured
   * one does, and a rollout that leads elsewhere is called off. Returns why, in words; null where all is as it was.
   */
  follow(deployment: string, { release, releases }: Configured, nowMs: number): string | null {
    const running = this.#running.get(deployment)
    if (!running) {
      this.#running.set(deployment, { release, configured: release })
      return null
    }
    const live = this.live(deployment)
    const wanted = live ? [live.to, live.from ?? live.to] : [running.release]
    const gone = wanted.find((name) => !releases.includes(name))
    const isChanged = running.configured !== '' && running.configured !== release
    running.configured = release
    if (gone === undefined && (!isChanged || live?.to === release)) return null
    // The one that has the calls goes on, if it can.
    const holder = live && (hasAll(live) ? live.to : live.from)
    const next = !isChanged && holder && releases.includes(holder) ? holder : release
    const isSame = !live && running.release === next
    running.release = next
    const words =
      gone === undefined ? `the configuration names ${next}` : `${gone} is in the configuration no more: ${next} runs`
    if (live && next === live.to && hasAll(live)) enter(live, 'done', words, nowMs)
    else if (live) callOff(live, words, nowMs)
    return isSame ? null : words
  }

  /** @throws {RolloutError} while another goes on */
  begin(order: RolloutOrder, nowMs: number): RolloutState {
    const other = this.live(order.deployment)
    // A warm one has nothing left to do but to be there for a rollback.
    if (other && other.phase !== 'warm')
      throw new RolloutError(`${order.deployment}: ${other.to} is being deployed (${other.phase}); roll it back first`)
    if (order.from === order.to) throw new RolloutError(`${order.deployment} runs ${order.to} already`)
    if (other) {
      Object.assign(other, { phase: 'done', phaseMs: 0, judge: newJudge() })
      this.#settle(other)
    }
    const state = newRollout(order, nowMs)
    this.#rollouts.push(state)
    this.#forget(order.deployment)
    return state
  }

  /** The one that goes on; null for none. */
  live(deployment: string): RolloutState | null {
    return this.#rollouts.find((each) => each.deployment === deployment && !isOver(each)) ?? null
  }

  /** The release that a deployment runs for good; null where nothing is known. */
  release(deployment: string): string | null {
    return this.#running.get(deployment)?.release ?? null
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
    if (state?.phase === 'done') this.#settle(state)
    return state
  }

  /** The latest first. */
  views(deployment?: string): RolloutView[] {
    return this.#rollouts
      .filter((each) => deployment === undefined || each.deployment === deployment)
      .map(viewOf)
      .toReversed()
  }

  #settle({ deployment, to }: RolloutState): void {
    const { configured = '' } = this.#running.get(deployment) ?? {}
    this.#running.set(deployment, { release: to, configured })
  }

  #put(state: RolloutState): RolloutState {
    this.#rollouts = this.#rollouts.map((each) => (each.id === state.id ? state : each))
    return state
  }

  #forget(deployment: string): void {
    const over = this.#rollouts.filter((each) => each.deployment === deployment && isOver(each))
    const old = new Set(over.slice(0, Math.max(0, over.length - keptMax)))
    this.#rollouts = this.#rollouts.filter((each) => !old.has(each))
  }
}

const hasAll = ({ phase, share }: RolloutState): boolean => share >= 1 && phase !== 'rolling-back'

function viewOf(state: RolloutState): RolloutView {
  const { id, deployment, from, to, strategy, begunMs, phase, share, isPaused, reason, verdict, history } = state
  const evidence = verdict?.evidence.slice(0, evidenceMax).map(({ measure, words }) => `${measure}: ${words}`) ?? []
  return {
    ...{ id, deployment, from, to, strategy, begunMs, phase, share, isPaused, history, evidence },
    reason: reason?.words ?? null,
    calls: verdict?.calls ?? 0,
    open: phase === 'shifting' || phase === 'inconclusive' ? (verdict?.open ?? []) : [],
  }
}
