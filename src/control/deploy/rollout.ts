/**
 * How a release takes over from another, step by step: what has been seen in, where it stands out. Without a
 * memory of its own: the state is plain JSON, and a run that is interrupted anywhere goes on the same.
 */
import { beginStep, judge, type Verdict } from './judge.ts'
import type { Look } from './release-look.ts'
import type { RolloutOptions, Step } from './rollout-options.ts'
import { enter, isOver, note, type ReasonCode, type RolloutState } from './rollout-state.ts'

export interface Seen {
  readonly nowMs: number
  /** Replicas that are wanted in all. */
  readonly total: number
  /** Ready to serve. */
  readonly readyNext: number
  readonly readyPresent: number
  /** Calls in hand at the release before. */
  readonly callsLeft: number
  readonly isWindowOpen: boolean
  /** Null as long as the gate is at it. */
  readonly gate: { readonly isPassed: boolean; readonly words: string } | null
  /** Null where nothing was measured. */
  readonly look: Look | null
}

export type RolloutCommand = 'pause' | 'resume' | 'rollback' | 'go-on'

/** A pause between two looks, as after a restart, counts as no more than this. */
const watchedMsMax = 60_000

/** The state after a look. */
export function advance(before: RolloutState, seen: Seen, options: RolloutOptions): RolloutState {
  const state = structuredClone(before)
  lead(state, seen, options)
  return state
}

/** The same, for who owns the state: changes it. */
export function lead(state: RolloutState, seen: Seen, options: RolloutOptions): void {
  if (isOver(state)) return
  // Clocks jump, also back.
  const passedMs = Math.min(watchedMsMax, Math.max(0, seen.nowMs - state.atMs))
  state.atMs = seen.nowMs
  // With nothing to go back to, nothing is judged.
  if (state.share > 0 && state.from !== null && state.phase !== 'rolling-back' && seen.look) {
    state.verdict = judge(state.judge, seen.look)
    if (state.verdict.kind === 'bad') rollBack(state, 'judge', wordsOf(state.verdict), seen.nowMs)
  }
  if (state.isPaused && state.phase !== 'rolling-back') return
  state.phaseMs += passedMs
  go(state, seen, options)
}

function go(state: RolloutState, seen: Seen, options: RolloutOptions): void {
  switch (state.phase) {
    case 'waiting':
      if (seen.isWindowOpen) enter(state, 'starting', `${state.to} is started`, seen.nowMs)
      return
    case 'starting':
      return start(state, seen, options)
    case 'gate':
      return passGate(state, seen, options)
    case 'shifting':
      return shift(state, seen, options)
    case 'inconclusive':
      return wait(state, seen, options)
    case 'draining':
      if (seen.callsLeft === 0 || state.phaseMs >= options.drainMsMax)
        enter(state, 'warm', `${state.from ?? 'nothing'} is kept for a rollback`, seen.nowMs)
      return
    case 'warm':
      if (state.phaseMs >= options.warmMs || state.from === null) enter(state, 'done', `${state.to} it is`, seen.nowMs)
      return
    case 'rolling-back':
      return returnCalls(state, seen)
    case 'done':
    case 'rolled-back':
  }
}

function start(state: RolloutState, seen: Seen, options: RolloutOptions): void {
  if (seen.readyNext >= replicasFor(seen.total, stepOf(state, options).share))
    return enter(state, 'gate', 'asked before it gets calls', seen.nowMs)
  if (state.phaseMs >= options.readyMsMax)
    rollBack(state, 'not-ready', `not ready within ${minutes(options.readyMsMax)}`, seen.nowMs)
}

function passGate(state: RolloutState, seen: Seen, options: RolloutOptions): void {
  if (seen.gate?.isPassed === false) return rollBack(state, 'gate', seen.gate.words, seen.nowMs)
  if (!seen.gate) {
    if (state.phaseMs >= options.gateMsMax)
      rollBack(state, 'gate', `the gate had no answer within ${minutes(options.gateMsMax)}`, seen.nowMs)
    return
  }
  enter(state, 'shifting', seen.gate.words, seen.nowMs)
  takeShare(state, seen, options)
}

function shift(state: RolloutState, seen: Seen, options: RolloutOptions): void {
  const step = stepOf(state, options)
  if (state.share < step.share) {
    // Time in which it has not the calls of its step shows nothing about it.
    state.phaseMs = 0
    return takeShare(state, seen, options)
  }
  if (isFullStep(step)) return enter(state, 'draining', `all calls go to ${state.to}`, seen.nowMs)
  if (state.phaseMs < step.msMin || !seen.isWindowOpen) return
  const isClean = state.verdict !== null && !state.verdict.isSuspicious
  if (state.verdict?.kind === 'good' || (!step.isShown && isClean)) return nextStep(state, seen, options)
  if (state.phaseMs < step.msMax) return
  if (options.onInconclusive === 'go-on' && isClean) return nextStep(state, seen, options)
  const words = `not known after ${minutes(step.msMax)}: ${state.verdict?.open.join(', ') || 'nothing was measured'}`
  if (options.onInconclusive === 'roll-back') return rollBack(state, 'inconclusive', words, seen.nowMs)
  enter(state, 'inconclusive', words, seen.nowMs)
}

function nextStep(state: RolloutState, seen: Seen, options: RolloutOptions): void {
  state.step = Math.min(state.step + 1, options.steps.length - 1)
  state.phaseMs = 0
  takeShare(state, seen, options)
}

/** The share goes up when there are replicas for it, not before. */
function takeShare(state: RolloutState, seen: Seen, options: RolloutOptions): void {
  const { share } = stepOf(state, options)
  if (seen.readyNext < replicasFor(seen.total, share)) return
  state.share = share
  beginStep(state.judge)
  note(state, `${Math.round(share * 100)} % of new calls`, seen.nowMs)
}

/** Watched on with the share it has: what is missing may still come. */
function wait(state: RolloutState, seen: Seen, options: RolloutOptions): void {
  if (state.verdict?.kind === 'good') {
    enter(state, 'shifting', 'shown to be good after all', seen.nowMs)
    return nextStep(state, seen, options)
  }
  if (state.phaseMs >= options.inconclusiveMsMax)
    rollBack(state, 'inconclusive', `nobody decided within ${minutes(options.inconclusiveMsMax)}`, seen.nowMs)
}

/** New calls go back as far as the release before has replicas; without one there is nothing to go back to. */
function returnCalls(state: RolloutState, seen: Seen): void {
  const has = state.from === null ? 1 : Math.min(1, seen.readyPresent / Math.max(1, seen.total))
  state.share = Math.min(state.share, 1 - has)
  if (has === 1) enter(state, 'rolled-back', state.reason?.words ?? '', seen.nowMs)
}

function rollBack(state: RolloutState, code: ReasonCode, words: string, nowMs: number): void {
  state.reason = { code, words }
  enter(state, 'rolling-back', words, nowMs)
}

/** @throws {Error} in words, where the rollout is over or there is nothing to do so to. */
export function command(before: RolloutState, asked: RolloutCommand, by: string, nowMs: number): RolloutState {
  const refuse = (why: string): never => {
    throw new Error(`${before.deployment}: ${why}.`)
  }
  if (isOver(before)) refuse(`the rollout of ${before.to} is over (${before.phase})`)
  const state = structuredClone(before)
  switch (asked) {
    case 'pause':
      if (state.phase === 'rolling-back') refuse('it is being rolled back, which is not paused')
      state.isPaused = true
      note(state, `paused by ${by}`, nowMs)
      break
    case 'resume':
      if (!state.isPaused) refuse('it is not paused')
      state.isPaused = false
      note(state, `resumed by ${by}`, nowMs)
      break
    case 'go-on':
      if (state.phase !== 'inconclusive') refuse(`it waits for nobody (${state.phase})`)
      state.step++
      enter(state, 'shifting', `${by} lets it go on`, nowMs)
      break
    case 'rollback':
      if (state.from === null && state.share > 0) refuse('there is no release before it to go back to')
      if (state.phase !== 'rolling-back') rollBack(state, 'asked', `rolled back by ${by}`, nowMs)
      break
  }
  return state
}

/** The configuration says something else: it ends here. */
export function callOff(state: RolloutState, words: string, nowMs: number): void {
  state.reason = { code: 'asked', words }
  state.share = 0
  enter(state, 'rolled-back', words, nowMs)
}

/**
 * The step it is at; the last one where the steps have become fewer. The first release of a deployment has nothing to
 * be compared with, and gets all calls.
 */
export const stepOf = ({ step, from }: RolloutState, { steps }: RolloutOptions): Step =>
  (from === null ? steps.at(-1) : steps[Math.min(step, steps.length - 1)]) as Step
const isFullStep = ({ share }: Step): boolean => share >= 1
const minutes = (ms: number): string => `${Math.round(ms / 60_000)} min`

/** Replicas that a share of all calls is for; at least one. */
export const replicasFor = (total: number, share: number): number => Math.max(1, Math.ceil(total * share - 1e-9))

function wordsOf({ evidence }: Verdict): string {
  const worst = evidence[0]
  return worst ? `${worst.measure}: ${worst.words}` : ''
}
