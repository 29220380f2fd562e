/** Where a rollout stands: plain JSON, so that a gateway that was restarted goes on with it. */
import { type JudgeState, newJudge, type Verdict } from './judge.ts'
import type { Strategy } from './rollout-options.ts'

export type Phase =
  /** For a window of maintenance. */
  | 'waiting'
  | 'starting'
  | 'gate'
  | 'shifting'
  /** Neither shown to be good nor to be bad in time: a person decides. */
  | 'inconclusive'
  /** All new calls go to the new release; those of the one before end, or are moved. */
  | 'draining'
  /** The release before runs on without calls, for a rollback at once. */
  | 'warm'
  | 'done'
  | 'rolling-back'
  | 'rolled-back'

export type ReasonCode = 'not-ready' | 'gate' | 'judge' | 'inconclusive' | 'asked'

export interface HistoryEntry {
  readonly atMs: number
  readonly phase: Phase
  readonly share: number
  readonly words: string
}

export interface RolloutState {
  readonly id: string
  readonly deployment: string
  /** Release before; null for the first one. */
  readonly from: string | null
  readonly to: string
  readonly strategy: Strategy
  readonly begunMs: number
  phase: Phase
  /** Index of the step. */
  step: number
  /** Of new calls that the new release gets now, 0 to 1. */
  share: number
  isPaused: boolean
  /** When it was advanced last. */
  atMs: number
  /** Time of this phase, or this step; time that nobody watched does not count. */
  phaseMs: number
  judge: JudgeState
  verdict: Verdict | null
  reason: { readonly code: ReasonCode; readonly words: string } | null
  history: HistoryEntry[]
}

const historyMax = 100

export interface RolloutOrder {
  readonly id: string
  readonly deployment: string
  readonly from: string | null
  readonly to: string
  readonly strategy: Strategy
  /** Who asked for it. */
  readonly by?: string
}

export function newRollout({ by, ...order }: RolloutOrder, nowMs: number): RolloutState {
  const words = `${order.from ?? 'nothing'} → ${order.to}${by === undefined ? '' : `, asked for by ${by}`}`
  return {
    ...order,
    begunMs: nowMs,
    ...{ phase: 'waiting', step: 0, share: 0, isPaused: false, atMs: nowMs, phaseMs: 0 },
    ...{ judge: newJudge(), verdict: null, reason: null },
    history: [{ atMs: nowMs, phase: 'waiting', share: 0, words }],
  }
}

export const isOver = ({ phase }: RolloutState): boolean => phase === 'done' || phase === 'rolled-back'

/** Changes `state`. */
export function enter(state: RolloutState, phase: Phase, words: string, nowMs: number): void {
  state.phase = phase
  // What was measured is large, and nobody asks for it any more; the verdict stays.
  if (isOver(state)) state.judge = newJudge()
  state.phaseMs = 0
  note(state, words, nowMs)
}

export function note(state: RolloutState, words: string, nowMs: number): void {
  state.history.push({ atMs: nowMs, phase: state.phase, share: state.share, words })
  // How it began stays.
  if (state.history.length > historyMax) state.history.splice(1, 1)
}
