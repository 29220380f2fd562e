/**
 * A fact as the record keeps it: what is looked for by itself, and the rest as JSON. What others have chosen (a model's
 * name, the words of a server) is kept within bounds, and JSON escapes what could break out of a line.
 */
import type { FaultCode } from '../fault/code.ts'
import type { Ray } from '../fault/ray.ts'
import { safeJson } from '../ground/one-line.ts'
import { callText } from './call-line.ts'
import type { AttemptFact, ExchangeFact } from './exchange-fact.ts'
import { wordsOf } from './refusal-words.ts'
import { type Fact, type FactKind, factKinds, type Note, type SumFact } from './fact.ts'

/** What goes first when room is short: calls to which nothing happened, then other calls, then the rest. */
export const ranks = { uneventful: 0, calls: 1, house: 2 } as const

export interface FactRow {
  readonly atMs: number
  readonly kind: FactKind
  readonly rank: number
  readonly ray: string | null
  readonly upstream: string | null
  readonly code: string | null
  /** The other fields, as the text of an object. */
  readonly body: string
}

/** Longest name, longest words, most items of a list; what is longer is cut. */
const nameLengthMax = 200
const wordsLengthMax = 1000
const textLengthMax = 4096
const itemsMax = 50

/** `words`: whether what a server says of a refused call is kept; it may quote the call. */
export function callRow(fact: ExchangeFact, isEventful: boolean, words: boolean): FactRow {
  return {
    atMs: fact.atMs,
    kind: 'call',
    rank: isEventful ? ranks.calls : ranks.uneventful,
    ray: fact.ray,
    upstream: lastUpstream(fact),
    code: fact.code,
    body: `{"isEventful":${isEventful},${callText(isEventful ? bounded(fact, words) : boundedNames(fact))}}`,
  }
}

/** The upstream that was asked last; null where none was. */
export function lastUpstream({ attempts }: Pick<ExchangeFact, 'attempts'>): string | null {
  return attempts.at(-1)?.upstream ?? null
}

export function noteRow(note: Note | Omit<SumFact, 'atMs' | 'node'>, atMs: number): FactRow {
  const { kind, ray = null, upstream = null, code = null, ...body } = note
  return { atMs, kind, rank: ranks[factKinds[kind]], ray, upstream, code, body: safeJson(JSON.stringify(body, cut)) }
}

/** The way back; null for what is not a fact of ours (a later version may have written it). */
export function readRow(row: FactRow, node: string): Fact | null {
  if (!Object.hasOwn(factKinds, row.kind)) return null
  const { atMs, kind, ray, upstream, code } = row
  try {
    const body = JSON.parse(row.body) as Record<string, unknown>
    const links = { atMs, node, kind, ray: ray as Ray | null, upstream, code: code as FaultCode | null }
    if (kind !== 'call') return { ...links, ...body, ...links } as Fact
    if (!isListOfObjects(body['attempts']) || !Array.isArray(body['seams'])) return null
    const attempts = (body['attempts'] as AttemptFact[]).map((each) => ({ ...noAttempt, ...each }))
    return { ...links, ...noCall, ...body, ...links, attempts } as unknown as Fact
  } catch {
    return null
  }
}

function isListOfObjects(value: unknown): boolean {
  return Array.isArray(value) && value.every((each) => typeof each === 'object' && each !== null)
}

/** What a call's text leaves out where there is nothing to tell. */
const noCall = {
  ...{
    detail: '',
    caller: '',
    tier: 'standard',
    requestId: null,
    traceId: null,
    firstTokenMs: null,
    queueMs: 0,
    overheadMs: null,
  },
  ...{ inputTokens: null, outputTokens: null, finishReason: null },
}
const noAttempt = { code: null, detail: '', connectMs: null, firstTokenMs: null }

function cut(name: string, value: unknown): unknown {
  if (Array.isArray(value)) return value.slice(0, itemsMax)
  return typeof value === 'string' ? value.slice(0, name === 'stderrTail' ? textLengthMax : wordsLengthMax) : value
}

function boundedNames(fact: ExchangeFact): ExchangeFact {
  const { model, finishReason } = fact
  const isLong = model.length > nameLengthMax || (finishReason !== null && finishReason.length > nameLengthMax)
  if (!isLong) return fact
  return {
    ...fact,
    model: model.slice(0, nameLengthMax),
    finishReason: finishReason === null ? null : finishReason.slice(0, nameLengthMax),
  }
}

function bounded(fact: ExchangeFact, words: boolean): ExchangeFact {
  return {
    ...boundedNames(fact),
    detail: toldOf(fact.code, fact.detail, words),
    attempts: fact.attempts
      .slice(0, itemsMax)
      .map((each) => (each.detail === '' ? each : { ...each, detail: toldOf(each.code, each.detail, words) })),
    seams: fact.seams.slice(0, itemsMax),
  }
}

function toldOf(code: FaultCode | null, detail: string, words: boolean): string {
  return (words ? detail : wordsOf(code, detail)).slice(0, wordsLengthMax)
}
