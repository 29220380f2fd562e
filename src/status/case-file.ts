/**
 * One incident while it is under way: which components it is about, what is thought to be behind it and how sure that
 * is. The public's view is made of the events that come of it.
 */
import type { CauseClass } from '../diagnosis/cause.ts'
import type { CauseName } from '../diagnosis/causes.ts'
import type { Blame, Incident, Level, Stage } from './incident.ts'

/** A call that was harmed, and what the diagnosis says of it. */
export interface Seen extends Blame {
  readonly component: string
  readonly atMs: number
  /** Of the diagnosis, 0 to 1. */
  readonly confidence: number
}

/** Words about what follows from something else say little of the cause. */
const consequences: ReadonlySet<CauseName> = new Set<CauseName>(['no-server-left', 'attempts-spent'])

/** More of what was asked than can be done is what one sees when servers are gone, too. */
export function isConsequence({ cause, class: kind }: { cause: CauseName; class: CauseClass }): boolean {
  return kind === 'overload' || consequences.has(cause)
}

export interface Part {
  /** When it was last seen in a call of this component. */
  seenMs: number
  level: Level
  worst: Level
  total: number
  bad: number
}

export class CaseFile {
  readonly id: string
  beganMs: number
  openedMs: number
  stage: Stage
  parts = new Map<string, Part>()
  /** Since when all is well; null while it is not. */
  clearMs: number | null = null
  resolvedMs: number | null = null
  /** How often it was nearly or wholly over, and came back. */
  returns = 0
  /** An incident that is none of the watch's, of which this is a part. */
  mergedInto: string | null = null
  /** When the public was last told something. */
  toldMs: number
  /** What it was told of causes; null for nothing. */
  told: Blame | null = null
  /** In these words. */
  text = ''
  #votes = new Map<string, Vote>()

  constructor(id: string, beganMs: number, nowMs: number) {
    this.id = id
    this.beganMs = beganMs
    this.openedMs = this.toldMs = nowMs
    this.stage = 'investigating'
  }

  /** `clearMs`: since when one that was being kept an eye on counts as well. */
  static of(
    { id, beganMs, openedMs, stage, blame, affected, updates }: Incident,
    nowMs: number,
    clearMs: number,
  ): CaseFile {
    const file = new CaseFile(id, beganMs, openedMs)
    file.stage = stage
    file.told = blame
    file.text = updates.at(-1)?.text ?? ''
    if (stage === 'monitoring') file.clearMs = clearMs
    file.toldMs = nowMs
    if (blame) file.#votes.set('before', { blame, weight: 1, atMs: nowMs })
    for (const { component, level, worst, total, bad } of affected)
      file.parts.set(component, { seenMs: nowMs, level, worst, total, bad })
    return file
  }

  /** The clock was set back by so much. */
  setBack(ms: number): void {
    this.beganMs -= ms
    this.openedMs -= ms
    this.toldMs -= ms
    if (this.clearMs !== null) this.clearMs -= ms
    if (this.resolvedMs !== null) this.resolvedMs -= ms
    for (const part of this.parts.values()) part.seenMs -= ms
    for (const vote of this.#votes.values()) vote.atMs -= ms
  }

  /** Takes over what another one knows. */
  absorb(other: CaseFile): void {
    for (const [key, vote] of other.#votes) if (!this.#votes.has(key)) this.#votes.set(key, vote)
    for (const [component, part] of other.parts) if (!this.parts.has(component)) this.parts.set(component, part)
  }

  add({ cause, class: kind, subject, component, atMs, confidence }: Seen): void {
    const key = `${cause}@${subject}`
    const vote = this.#votes.get(key) ?? { blame: { cause, class: kind, subject }, weight: 0, atMs }
    vote.weight = weightAt(vote, atMs) + confidence
    vote.atMs = atMs
    if (this.#votes.size < votesMax) this.#votes.set(key, vote)
    const part = this.parts.get(component)
    if (part) part.seenMs = Math.max(part.seenMs, atMs)
  }

  /** What most speaks for. What may follow from another cause counts only where nothing else is known. */
  get blame(): Blame | null {
    const atMs = this.#lastMs
    let best: { blame: Blame; weight: number } | null = null
    for (const vote of this.#votes.values()) {
      const weight = isConsequence(vote.blame) ? weightAt(vote, atMs) / 100 : weightAt(vote, atMs)
      if (!best || weight > best.weight) best = { blame: vote.blame, weight }
    }
    return best?.blame ?? null
  }

  /** One wrong diagnosis does not make it so. */
  isAbout(subject: string | null): boolean {
    if (subject === null) return false
    const atMs = this.#lastMs
    let [all, about] = [0, 0]
    for (const vote of this.#votes.values()) {
      const isOfIt = vote.blame.subject === subject
      const weight = isOfIt || !isConsequence(vote.blame) ? weightAt(vote, atMs) : 0
      all += weight
      if (isOfIt) about += weight
    }
    return about > 0 && about >= aboutShare * all
  }

  get isKnown(): boolean {
    return this.#votes.size > 0
  }

  /** It was over and comes back: what was thought before may not be so again. */
  forget(): void {
    this.#votes.clear()
  }

  get #lastMs(): number {
    return Math.max(0, ...[...this.#votes.values()].map(({ atMs }) => atMs))
  }
}

/** A diagnosis counts half after so long: what harms now may be something else. */
const halfLifeMs = 60_000
const aboutShare = 0.25

interface Vote {
  readonly blame: Blame
  weight: number
  atMs: number
}

function weightAt({ weight, atMs }: Vote, nowMs: number): number {
  return weight * 2 ** (-Math.max(0, nowMs - atMs) / halfLifeMs)
}

/** Different causes and subjects of one incident; what is beyond is not counted. */
const votesMax = 100
