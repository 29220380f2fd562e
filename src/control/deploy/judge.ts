/**
 * Is the new release as good as the present one? Two bets on each measure, look by look: one against "it is
 * harmless", one against "it is harmful". The first that gets rich decides; as long as neither has, nobody knows,
 * and that is said.
 */
import { type BaselineState, addLook, newBaseline, rateOf } from './baseline.ts'
import { addLogs, type BetState, logWealth, newBet, settle, stakeMore, type Trial } from './bet.ts'
import { compare } from './compare.ts'
import { type DeathState, logDeathWealth, newDeaths } from './death-bet.ts'
import { type Measure, type MeasureName, measures } from './measures.ts'
import { type MemoryState, newMemory, noteMemory } from './memory-trend.ts'
import type { Look } from './release-look.ts'

/** Good releases that may be stopped, over a whole rollout. */
const wronglyStopped = 0.01
/** Harmful ones that may pass a step, for each measure. */
const wronglyPassed = 0.02
/**
 * From here on a rollout does not go further, though nothing is sure: e-values of 10 are what chance gives once in
 * ten.
 */
const suspiciousWealth = 10
/** Of what is no bet but found. A number, since it is written down as JSON. */
const certain = 1e300
/** A death counts for nothing below this. */
const calmWealth = 4
/** Answers without which nothing is said: the first ones are slow for reasons of their own. */
const warmCalls = 20
/** Answers of a step without which nothing passes. */
const stepCallsMin = 30
const replicasMax = 64

interface MeasureState {
  harmless: BetState
  /** Of this step. */
  harmful: BetState
  /** What was seen since the judging began: for people, not for the decision. */
  hits: number
  mayHits: number
  count: number
}

export interface JudgeState {
  baseline: BaselineState
  measures: Record<string, MeasureState>
  deaths: DeathState
  memory: Record<string, MemoryState>
  calls: number
  stepCalls: number
}

export interface Evidence {
  readonly measure: MeasureName | 'deaths' | 'memory'
  /** How many times the stake was made of the bet that this is harmless. */
  readonly wealth: number
  /** Shown to be no harm at this step. */
  readonly isPassed: boolean
  /** In words, with numbers. */
  readonly words: string
}

export interface Verdict {
  readonly kind: 'good' | 'bad' | 'unsure'
  readonly isSuspicious: boolean
  /** Answers of the new release that this rests on. */
  readonly calls: number
  /** The worst first. */
  readonly evidence: readonly Evidence[]
  /** What is waited for. */
  readonly open: readonly Evidence['measure'][]
}

export const newJudge = (): JudgeState => ({
  ...{ baseline: newBaseline(), measures: {}, deaths: newDeaths(), memory: {}, calls: 0, stepCalls: 0 },
})

/** The release gets more calls from now on: what was shown of it under fewer is shown anew. */
export function beginStep(state: JudgeState): void {
  state.stepCalls = 0
  for (const each of Object.values(state.measures)) {
    stakeMore(each.harmless)
    each.harmful = newBet('least')
  }
}

/** Takes a look in. Changes `state`, which is plain JSON. */
export function judge(state: JudgeState, look: Look): Verdict {
  const isWarm = state.calls >= warmCalls
  state.calls += look.next.calls
  state.stepCalls += look.next.calls
  addLook(state.baseline, look.present, look.ms)
  // With nothing beside it, only what kills it is told.
  if (look.present.calls > 0)
    for (const measure of measures) betOn(state, measure, look, isWarm || measure.kind === 'rate')
  noteDeaths(state.deaths, look)
  noteReplicas(state, look)
  return verdictOf(state)
}

function betOn(state: JudgeState, measure: Measure, look: Look, isCounted: boolean): void {
  const portions = compare(measure, look, state.baseline)
  if (!isCounted) return
  const own = (state.measures[measure.name] ??= {
    ...{ harmless: newBet('most'), harmful: newBet('least'), hits: 0, mayHits: 0, count: 0 },
  })
  const trialOf = (claim: number, hits: number, count: number): Trial => ({ claim, hits, count })
  const harmless = portions.map(({ count, harmlessRate, harmlessHits }) => trialOf(harmlessRate, harmlessHits, count))
  settle(own.harmless, 'most', harmless)
  const harmful = portions.map(({ count, harmfulRate, harmfulHits }) => trialOf(harmfulRate, harmfulHits, count))
  settle(own.harmful, 'least', harmful)
  for (const { count, harmlessRate, harmlessHits } of portions) {
    own.hits += harmlessHits
    own.mayHits += harmlessRate * count
    own.count += count
  }
}

function noteDeaths(deaths: DeathState, { present, next, ms }: Look): void {
  const hours = ms / 3_600_000
  deaths.deaths += next.deaths
  deaths.hours += Math.max(next.replicas.length, next.deaths) * hours
  deaths.presentDeaths += present.deaths
  deaths.presentHours += present.replicas.length * hours
}

function noteReplicas(state: JudgeState, { next, callsPerReplicaHour }: Look): void {
  for (const { name, calls, memoryBytes, memoryBytesMax } of next.replicas) {
    if (memoryBytes === null) continue
    if (!state.memory[name] && Object.keys(state.memory).length >= replicasMax) continue
    const memory = (state.memory[name] ??= newMemory())
    noteMemory(memory, { calls, bytes: memoryBytes, bytesMax: memoryBytesMax }, callsPerReplicaHour)
  }
}

/**
 * The mean of e-values is an e-value (Vovk and Wang 2021): all bets together are one, and it is never divided by
 * zero.
 */
function verdictOf(state: JudgeState): Verdict {
  const evidence = [...measures.flatMap((measure) => evidenceOf(state, measure)), deathsOf(state)]
  const logSum = evidence.reduce((sum, each) => addLogs(sum, Math.log(each.wealth)), -Infinity)
  const logMean = logSum - Math.log(measures.length + 1)
  const memory = memoryOf(state)
  const all = [...memory, ...evidence].toSorted((a, b) => b.wealth - a.wealth)
  const isBad = logMean >= -Math.log(wronglyStopped) || memory.some(({ wealth }) => wealth >= certain)
  const isSuspicious = isBad || logMean >= Math.log(suspiciousWealth) || !isCalm(state.deaths)
  const open = all.filter(({ isPassed }) => !isPassed).map(({ measure }) => measure)
  const isGood = !isSuspicious && open.length === 0 && state.stepCalls >= stepCallsMin
  const kind = isBad ? 'bad' : isGood ? 'good' : 'unsure'
  return { kind, isSuspicious, calls: state.calls, evidence: all, open }
}

function evidenceOf(state: JudgeState, measure: Measure): Evidence[] {
  const own = state.measures[measure.name]
  const isRare = measure.kind === 'rate' && isRareAtPresent(state, measure.name, measure.shareMin)
  if (!own) return isRare ? [] : [{ measure: measure.name, wealth: 1, isPassed: false, words: 'nothing seen yet' }]
  const wealth = Math.exp(Math.min(700, logWealth(own.harmless)))
  const isPassed = isRare || logWealth(own.harmful) >= -Math.log(wronglyPassed)
  return [{ measure: measure.name, wealth, isPassed, words: wordsOf(measure, own) }]
}

/** What the present release hardly ever does is not waited for, such as tool calls where nobody offers tools. */
function isRareAtPresent({ baseline }: JudgeState, name: MeasureName, shareMin: number): boolean {
  if (shareMin === 0) return false
  const all = rateOf(baseline, 'failures').count
  return all > 0 && rateOf(baseline, name).count / all < shareMin
}

function wordsOf(measure: Measure, { hits, mayHits, count }: MeasureState): string {
  if (count < 1) return 'nothing to compare with'
  const percent = (part: number): string => `${((part / count) * 100).toFixed(1)} %`
  const about = measure.kind === 'rate' ? 'of answers' : 'beyond the present quantile and its margin'
  return `${percent(hits)} ${about}, where ${percent(mayHits)} would be harmless (${Math.round(count)} answers)`
}

function deathsOf({ deaths }: JudgeState): Evidence {
  const words = `${deaths.deaths} in ${deaths.hours.toFixed(2)} replica-hours; the present one: ${deaths.presentDeaths} in ${deaths.presentHours.toFixed(1)}`
  const wealth = Math.exp(Math.min(700, logDeathWealth(deaths)))
  return { measure: 'deaths', wealth, isPassed: isCalm(deaths), words }
}

/** A death is forgiven once the others lived long enough. */
const isCalm = (deaths: DeathState): boolean => deaths.deaths === 0 || logDeathWealth(deaths) < Math.log(calmWealth)

/** The worst replica; nothing where nobody can say how much memory they hold. */
function memoryOf({ memory }: JudgeState): Evidence[] {
  const verdicts = Object.values(memory).map(({ verdict }) => verdict)
  if (verdicts.length === 0) return []
  const leaking = verdicts.find(({ kind }) => kind === 'leaking')
  const isFlat = verdicts.some(({ kind }) => kind === 'flat')
  const words = leaking
    ? `grows with each call: full in ${leaking.hoursLeft?.toFixed(1)} h under all calls`
    : isFlat
      ? 'does not grow'
      : 'not known yet'
  return [{ measure: 'memory', wealth: leaking ? certain : 1, isPassed: isFlat && !leaking, words }]
}
