/**
 * What a call wants of the answer cache: by its key, by `holdfast-cache`, and by the directives of `cache-control`
 * (RFC 9111) that can only make it want less. Nothing is taken from the cache, and nothing put into it, unless the key
 * or the header says so.
 */
import { hash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import type { Call } from '../dialect/call.ts'
import { type Meaning, meaningOf, type NoMeaning } from '../dialect/meaning/call-meaning.ts'
import { hardWords } from '../dialect/meaning/hard-words.ts'
import { questionOf } from '../dialect/meaning/question.ts'
import { wordingOf } from '../dialect/meaning/wording.ts'
import { Fault } from '../fault/fault.ts'
import type { CacheRules, CacheWish, SemanticWish } from '../relay/cache-wish.ts'
import type { TimeLimits } from '../relay/order.ts'
import type { Tier } from '../relay/overload/tier.ts'
import type { Caller } from './caller.ts'

/** Digests of larger bodies would hold up the moving of chunks. */
const bodyBytesMax = 256 * 2 ** 10
/** Who gives an answer more time than this does not end it early for those who joined. */
const unhurriedMs = 300_000

const wishes = ['use', 'semantic', 'refresh', 'only', 'off'] as const
type Wish = (typeof wishes)[number]

/** Why a call that wanted the cache goes past it. */
type Bypass = NoMeaning | 'chance' | 'size' | 'key' | 'seams' | 'no-store'

export interface CacheAsk {
  readonly call: Call
  readonly caller: Caller
  readonly callerKey: string | null
  readonly headers: IncomingHttpHeaders
  readonly options: CacheRules
  readonly isStored: boolean
  readonly isBackground: boolean
  readonly tier: Tier
  readonly timeLimits: TimeLimits
}

/** Whether the call or its key says anything of the cache: asked of every call. */
export function wantsCache(headers: IncomingHttpHeaders, caller: Caller): boolean {
  return headers['holdfast-cache'] !== undefined || caller.cache !== null
}

/** Whether its answer may be in the cache, as far as can be told before its body is read. */
export function mayBeKept(headers: IncomingHttpHeaders, caller: Caller): boolean {
  return wantsCache(headers, caller) && caller.cache !== 'off' && Number(headers['content-length']) <= bodyBytesMax
}

/** @throws {Fault} HF_BAD_CALL for a `holdfast-cache` that is none. */
export function readCacheWish(ask: CacheAsk): CacheWish | Bypass | null {
  const { caller, options, headers } = ask
  if (!wantsCache(headers, caller)) return null
  const asked = readWish(headers['holdfast-cache'])
  if (asked === 'off' || caller.cache === 'off' || (caller.cache === null && !options.byHeader)) return null
  return wishOf(ask, asked)
}

function readWish(said: string | string[] | undefined): Wish | null {
  if (said === undefined) return null
  const wish = wishes.find((each) => each === said)
  if (wish) return wish
  throw new Fault('HF_BAD_CALL', { param: 'holdfast-cache', detail: `holdfast-cache is one of ${wishes.join(', ')}` })
}

function wishOf(ask: CacheAsk, asked: Wish | null): CacheWish | Bypass {
  const { call, caller, headers, options, isStored } = ask
  // Each of these says that this call is apart from all others.
  if (headers['idempotency-key'] !== undefined) return 'key'
  if (headers['holdfast-seams'] === 'mark' || headers['holdfast-continue'] === 'same-model') return 'seams'
  if (ask.isBackground) return 'state'
  if (call.body.bytes.length > bodyBytesMax) return 'size'
  const control = readDirectives(headers['cache-control'])
  if (control.has('no-store')) return 'no-store'
  const meaning = meaningOf(call, isStored, options.tools)
  if (typeof meaning === 'string') return meaning
  // What is drawn by chance is given twice only to those who ask for that.
  if (!meaning.isSure && asked === null && caller.cache !== 'all' && caller.cache !== 'semantic') return 'chance'
  const isNew = asked === 'refresh' || control.has('no-cache')
  const isOnly = asked === 'only' || control.has('only-if-cached')
  return {
    ...namesOf(ask, meaning),
    mayRead: !isNew || isOnly,
    mayKeep: !isOnly,
    mayAsk: !isOnly,
    mayLead: !isNew && !isOnly && isUnhurried(ask.timeLimits),
    isKeptLong: options.outlastsJournal,
    isShared: options.shared,
    semantic:
      asked === 'semantic' || (caller.cache === 'semantic' && asked !== 'use') ? semanticOf(ask, meaning) : null,
    answerBytesMax: options.answerBytesMax,
    ageMsMax: Math.min(options.ttlMs, secondsOf(control, 'max-age')),
    staleMsMax: Math.min(options.staleIfErrorMs, secondsOf(control, 'stale-if-error')),
  }
}

/** Null where no other question will do. Names, numbers and negations are a part of the scope. */
function semanticOf(ask: CacheAsk, { form, otherForms }: Meaning): SemanticWish | null {
  const { semantic, ttlMs } = ask.options
  const question = semantic && questionOf(ask.call, semantic.temperatureMax)
  if (!semantic || !question || question.text.length > semantic.lengthMax) return null
  const words = hardWords(question.text)
  if (words === null) return null
  // Never of other keys, also where all share the same answers: who words a question colours the answer.
  const base = baseOf({ ...ask, options: { ...ask.options, shared: false } })
  const scopeOf = (each: string): string => `${base}${digest([semantic.model, each, words, question.rest].join('\n'))}`
  const { text } = question
  return { text, wording: wordingOf(text), scopes: [form, ...otherForms].map(scopeOf), keepMs: ttlMs }
}

function baseOf(ask: CacheAsk): string {
  return `${tenantOf(ask)}/${digest(ask.call.model).slice(0, 16)}/`
}

/** By key, model and meaning; those that are being made also by tier, so that none waits behind a lower one. */
function namesOf(ask: CacheAsk, meaning: Meaning): Pick<CacheWish, 'keptName' | 'otherNames' | 'liveName'> {
  const base = baseOf(ask)
  const name = (form: string): string => `${base}${digest(`${form}\n${meaning.text}`)}`
  const kept = name(meaning.form)
  return {
    keptName: `answer/${kept}`,
    otherNames: meaning.otherForms.map((form) => `answer/${name(form)}`),
    liveName: `asking/${ask.tier}/${kept}`,
  }
}

/** Who calls without a key of ours may have one for the model servers, by which they are told apart in any case. */
function tenantOf({ caller, callerKey, options }: CacheAsk): string {
  if (caller.name === '') return callerKey === null ? '' : `~${digest(callerKey).slice(0, 22)}`
  return options.shared ? '*' : caller.name
}

const digest = (text: string): string => hash('sha256', text, 'base64url')

function isUnhurried({ firstTokenMs, wholeMs }: TimeLimits): boolean {
  return Math.min(firstTokenMs ?? unhurriedMs, wholeMs ?? unhurriedMs) >= unhurriedMs
}

/** Names in small letters, each with its value; what is no directive is left out (RFC 9111, section 5.2). */
function readDirectives(header: string | undefined): ReadonlyMap<string, string> {
  const directives = new Map<string, string>()
  for (const part of header?.slice(0, 1024).split(',') ?? []) {
    const [name = '', value = ''] = part.split('=', 2)
    directives.set(name.trim().toLowerCase(), value.trim().replaceAll('"', ''))
  }
  return directives
}

function secondsOf(directives: ReadonlyMap<string, string>, name: string): number {
  const value = directives.get(name)
  return value !== undefined && /^\d{1,9}$/.test(value) ? Number(value) * 1000 : Number.POSITIVE_INFINITY
}
