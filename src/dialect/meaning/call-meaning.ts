/**
 * What a call asks, whatever way it is spelled: calls with the same meaning may have the same answer. Some calls have
 * none, since what they ask changes between two askings, or acts on the world.
 */
import type { Call, Route } from '../call.ts'
import { type Fields, isFields } from '../field.ts'
import { canonical, Unclear } from './canonical.ts'
import { fieldRules } from './field-rules.ts'

/** Why a call has no meaning that would hold for another one. */
export type NoMeaning =
  /** It offers tools. */
  | 'tools'
  /** Its tools run at the provider, and may have acted. */
  | 'acts'
  /** It goes on from what is kept elsewhere. */
  | 'state'
  /** What it shows lies behind an address, and may be another thing tomorrow. */
  | 'address'
  /** A number that readers read differently. */
  | 'number'

export interface Meaning {
  /** The same for calls that ask the same. */
  readonly text: string
  /** The answer is the same each time, as far as its server can: nothing is left to chance. */
  readonly isSure: boolean
  /** How the answer is to be sent and kept: one of another form is of no use. */
  readonly form: string
  /** Forms of which this one can be made. */
  readonly otherForms: readonly string[]
}

/** @param isStored the answer is to be kept for its id. @param allowsTools there may be tools of the caller's own. */
export function meaningOf(call: Call, isStored: boolean, allowsTools: boolean): Meaning | NoMeaning {
  const body = call.body.whole()
  const refusal = refusalOf(call.route, body, allowsTools)
  if (refusal) return refusal
  try {
    const text = canonical([call.route, call.headers, withoutIdle(call.route, body)])
    return { text, isSure: isSure(call.route, body), ...formsOf(call, body, isStored) }
  } catch (thrown) {
    if (thrown instanceof Unclear) return 'number'
    throw thrown
  }
}

const rulesByName = new Map<string, (typeof fieldRules)[number][]>()
for (const rule of fieldRules)
  for (const name of rule.names) rulesByName.set(name, [...(rulesByName.get(name) ?? []), rule])

/** The fields that have a say in the answer. */
export function withoutIdle(route: Route, body: Fields): Fields {
  const kept = Object.entries(body).filter(([name, value]) => !isIdle(route, name, value))
  return Object.fromEntries(kept)
}

function isIdle(route: Route, name: string, value: unknown): boolean {
  for (const { routes, values } of rulesByName.get(name) ?? []) {
    if (routes && !routes.includes(route)) continue
    if (values === null || values.includes(canonical(value))) return true
  }
  return false
}

/** Embeddings and counts of tokens are computed; texts are drawn, but for the temperature 0. */
function isSure(route: Route, body: Fields): boolean {
  return route === 'embeddings' || route === 'count_tokens' || body['temperature'] === 0
}

// What may not be answered from memory.

/** Their answers go on from what the provider keeps. */
const stateFields = ['previous_response_id', 'conversation', 'prompt'] as const
/** The provider reaches out to the world. */
const actingFields = ['web_search_options', 'mcp_servers', 'container', 'plugins'] as const

function refusalOf(route: Route, body: Fields, allowsTools: boolean): NoMeaning | null {
  if (route === 'responses') {
    if (stateFields.some((name) => isGiven(body[name])) || body['background'] === true) return 'state'
  }
  if (actingFields.some((name) => isGiven(body[name]))) return 'acts'
  const tools = [...listOf(body['tools']), ...listOf(body['functions'])]
  if (tools.some(runsAtProvider)) return 'acts'
  if (tools.length > 0 && !allowsTools) return 'tools'
  return pointsElsewhere(body) ? 'address' : null
}

/** Tools of the caller have no type, or one of these. */
const callersTools: ReadonlySet<unknown> = new Set([undefined, 'function', 'custom'])

function runsAtProvider(tool: unknown): boolean {
  return !isFields(tool) || !callersTools.has(tool['type'])
}

const isGiven = (value: unknown): boolean => value !== undefined && value !== null
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

const addressFields: ReadonlySet<string> = new Set(['url', 'image_url', 'file_url', 'audio_url', 'video_url'])

function pointsElsewhere(value: unknown): boolean {
  if (Array.isArray(value)) return value.some((each) => typeof each === 'object' && pointsElsewhere(each))
  if (!isFields(value)) return false
  if (value['type'] === 'item_reference') return true
  for (const [name, each] of Object.entries(value)) {
    if (typeof each === 'string') {
      if (addressFields.has(name) && !each.startsWith('data:')) return true
    } else if (typeof each === 'object' && pointsElsewhere(each)) return true
  }
  return false
}

// Forms.

/** `whole`: one body. `stream`; `usage`: the same, with the count of tokens where a caller must ask for it. */
function formsOf({ route, isStream }: Call, body: Fields, isStored: boolean): Pick<Meaning, 'form' | 'otherForms'> {
  const kept = isStored ? '.stored' : ''
  const counts = route === 'chat' || route === 'completions' ? 'usage' : 'stream'
  const canBeStreamed = route !== 'embeddings' && route !== 'count_tokens'
  if (!isStream) return { form: `whole${kept}`, otherForms: canBeStreamed ? [`${counts}${kept}`] : [] }
  const options = isFields(body['stream_options']) ? body['stream_options'] : {}
  const given = Object.entries(options).filter(([, value]) => value !== false && value !== null)
  if (given.length === 0) return { form: `stream${kept}`, otherForms: [] }
  if (canonical(Object.fromEntries(given)) === '{"include_usage":true}' && counts === 'usage')
    return { form: `usage${kept}`, otherForms: [] }
  return { form: `stream${kept} ${canonical(options)}`, otherForms: [] }
}
