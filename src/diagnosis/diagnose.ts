/**
 * From the facts of one call, and those around it, to a cause. Pure: naive Bayes over the table of causes. Each cause
 * has odds: from the signs that it explains, times the weights of the findings that speak for it or against. Odds of 1
 * stand for "something that is not in the table"; a cause's confidence is its share of all odds together.
 */
import type { Source } from '../fault/fault-kind.ts'
import type { Fact } from '../observe/fact.ts'
import type { CauseClass } from './cause.ts'
import { type CauseName, causeNames, causeOf } from './causes.ts'
import { actions } from './actions.ts'
import { readScene, type Scene } from './scene.ts'
import type { Places } from './server.ts'
import { isWrapper } from './sign.ts'
import { type Step, timeline } from './timeline.ts'

/** A sign that a cause does not explain speaks against it: something else must have happened, too. */
const unexplained = 1 / 6
/** What is in none of the rules. */
const unknownOdds = 1

export interface Suspect {
  readonly cause: CauseName
  /** 0 to 1. */
  readonly confidence: number
  readonly title: string
}

export interface Diagnosis {
  readonly ray: string
  /** `none`: nothing went wrong; `unknown`: no rule fits well enough; `unrecorded`: the record has nothing of it. */
  readonly cause: CauseName | 'none' | 'unknown' | 'unrecorded'
  readonly class: CauseClass | null
  readonly whose: Source | null
  /** The upstream that it is about, or the host of several; null where it is about none, or about many. */
  readonly subject: string | null
  /** The record has nothing of the call; the cause is that of others which failed at its time. */
  readonly isInferred: boolean
  /** How sure of the cause, 0 to 1; 0 where there is none. */
  readonly confidence: number
  readonly sentence: string
  /** The code that the caller saw; null for none. */
  readonly code: string | null
  readonly outcome: string | null
  readonly evidence: readonly string[]
  /** Findings that speak against it. */
  readonly doubts: readonly string[]
  readonly runnerUp: Suspect | null
  /** What Holdfast did about it. */
  readonly actions: readonly string[]
  /** What to do; empty for nothing. */
  readonly cure: string
  readonly timeline: readonly Step[]
}

interface Judged {
  readonly name: CauseName
  readonly odds: number
  readonly evidence: readonly string[]
  readonly doubts: readonly string[]
}

/**
 * @param facts those of the ray and those around it (`beforeMs`, `afterMs` of the scene), in any order.
 * @param places where the upstreams are, as far as it is known.
 */
export function diagnose(ray: string, facts: readonly Fact[], places: Places = {}): Diagnosis {
  const scene = readScene(ray, facts, places)
  const isRecorded = facts.some((fact) => fact.ray === ray)
  const base = {
    ray,
    isInferred: false,
    code: scene.call?.code ?? null,
    outcome: scene.call?.outcome ?? null,
    actions: isRecorded ? actions(scene) : [],
    timeline: timeline(scene),
  }
  const blank = {
    ...base,
    class: null,
    whose: null,
    subject: null,
    confidence: 0,
    evidence: [],
    doubts: [],
    runnerUp: null,
    cure: '',
  }
  if (!isRecorded) return { ...blank, cause: 'unrecorded', sentence: 'The record has nothing of this call' }
  if (scene.signs.size === 0) return { ...blank, cause: 'none', sentence: wellWords(scene) }
  const judged = causeNames.flatMap((name) => judge(name, scene)).toSorted((a, b) => b.odds - a.odds)
  const sum = judged.reduce((total, { odds }) => total + odds, unknownOdds)
  const [best, second] = judged
  const runnerUp = suspectOf(second, sum)
  if (!best || best.odds < unknownOdds) {
    const sentence = `Why is not known: ${[...scene.signs].join(', ')} is all that was seen`
    return { ...blank, cause: 'unknown', sentence, confidence: (best?.odds ?? 0) / sum, runnerUp: suspectOf(best, sum) }
  }
  const { class: kind, whose, sentence, cure } = causeOf(best.name)
  return {
    ...base,
    cause: best.name,
    class: kind,
    whose,
    subject: subjectOf(kind, scene),
    confidence: best.odds / sum,
    sentence: sentence(scene),
    evidence: [...codesSeen(scene), ...best.evidence],
    doubts: best.doubts,
    runnerUp,
    cure,
  }
}

function subjectOf(kind: CauseClass, { servers }: Scene): string | null {
  if (kind === 'overload' || kind === 'gateway' || kind === 'client') return null
  const [only, ...more] = servers
  if (only && more.length === 0) return only.name
  const hosts = new Set(servers.map(({ place, name }) => place?.host ?? name))
  const [host] = hosts
  return hosts.size === 1 ? (host ?? null) : null
}

/** Nothing where the cause explains no sign at all: circumstances alone are no cause. */
function judge(name: CauseName, scene: Scene): Judged[] {
  const { explains, clues } = causeOf(name)
  let odds = 0
  for (const sign of scene.signs) odds = Math.max(odds, explains[sign] ?? 0)
  if (odds === 0) return []
  for (const sign of scene.signs) if (explains[sign] === undefined && !isWrapper(sign)) odds *= unexplained
  const evidence: string[] = []
  const doubts: string[] = []
  for (const { weight, find } of clues) {
    const found = find(scene)
    if (found === null) continue
    odds *= weight
    ;(weight > 1 ? evidence : doubts).push(found)
  }
  return [{ name, odds, evidence, doubts }]
}

function suspectOf(judged: Judged | undefined, sum: number): Suspect | null {
  if (!judged) return null
  return { cause: judged.name, confidence: judged.odds / sum, title: causeOf(judged.name).title }
}

/** The codes are evidence, too, and the first that one wants to see. */
function codesSeen({ call, signs }: Scene): string[] {
  const codes = [...signs].filter((sign) => sign.startsWith('HF_'))
  if (codes.length === 0) return []
  return [`seen: ${codes.join(', ')}${call?.detail ? ` (${call.detail.slice(0, 200)})` : ''}`]
}

function wellWords({ call }: Scene): string {
  if (call === null) return 'The call is still under way, and nothing has gone wrong so far'
  const { outcome, durationMs } = call
  return `Nothing went wrong: the call is ${outcome}, after ${Math.round(durationMs)} ms`
}
