/** Decides which rungs of the ladder fit: pure, from the call, what was said of its answer, and who is to go on. */
import type { Call, Route } from '../call.ts'
import { isFields } from '../field.ts'
import type { PartialAnswer } from './partial-answer.ts'
import type { LegFacts, Rung, RungName } from './rung.ts'
import { readWishes, type Wishes } from './wishes.ts'

export interface LadderOptions {
  /** Another model may not go on with the answer. Default false. */
  readonly mustSameModel?: boolean
}

/** The ways in which this upstream may go on with the answer, best first; empty when there is none. */
export function ladder(call: Call, partial: PartialAnswer, facts: LegFacts, options: LadderOptions = {}): Rung[] {
  if (partial.finish || !canSpeak(call.route, facts)) return []
  if (options.mustSameModel === true && !facts.isSameModel) return []
  const wishes = readWishes(call)
  const isSingle = wishes.choiceCount <= 1 && partial.choiceCount <= 1 && !wishes.isPeculiar
  if (!isSingle) return partial.hasBegun ? [] : [rung('regenerate')]
  const isUntold = partial.parts.every(({ text, kind }) => text === '' && (kind === 'text' || kind === 'reasoning'))
  if (isUntold) return [rung('regenerate')]
  if (hasHalf(partial)) return []
  const fits = (name: RungName): boolean => facts.rungs.has(name) && canDo(name, call, partial, facts, wishes)
  const continuing = (['token-exact', 'prefill', 'prefix-flag'] as const).filter(fits)
  const again = fits('ask-again') ? [rung('ask-again')] : []
  // The grammar of a schema begins anew with each answer, and would open a second one in the middle of the first.
  if (wishes.format === 'grammar') return again
  if (wishes.format === 'json') return [...again, ...continuing.map((name) => rung(name, true))]
  return [...continuing.map((name) => rung(name)), ...again, ...(fits('ask-rest') ? [rung('ask-rest')] : [])]
}

/** What was said as one text, after which the answer stopped; null when it has other parts that matter. */
export function saidText(partial: PartialAnswer): string | null {
  const words = partial.parts.filter(({ kind }) => kind !== 'reasoning')
  const [text] = words
  const isLast = partial.parts.at(-1)?.kind === 'text'
  return words.length === 1 && text?.kind === 'text' && isLast && text.text.trim() !== '' ? text.text : null
}

function rung(name: RungName, leavesSchema = false): Rung {
  return { name, leavesSchema, isApproximate: name === 'ask-rest' || leavesSchema }
}

/** The half of something that cannot be begun again, since the caller has its first half. */
function hasHalf(partial: PartialAnswer): boolean {
  return partial.parts.some(({ kind, isOpen }) => isOpen && kind === 'other')
}

function canSpeak(route: Route, { speaks }: LegFacts): boolean {
  if (speaks.has(route)) return true
  if (route === 'chat') return speaks.has('messages')
  return (route === 'messages' || route === 'responses') && speaks.has('chat')
}

function canDo(name: RungName, call: Call, partial: PartialAnswer, facts: LegFacts, wishes: Wishes): boolean {
  const text = saidText(partial)
  switch (name) {
    case 'token-exact':
      return text !== null && hasExactTokens(call, partial, facts, wishes)
    case 'prefill':
      return text !== null && canPrefill(call, facts, wishes)
    case 'prefix-flag':
      return text !== null && facts.speaks.has('chat') && call.route !== 'completions' && !endsWithAssistant(wishes)
    case 'ask-rest':
      return text !== null && call.route !== 'completions'
    case 'ask-again':
    case 'regenerate':
      return true
  }
}

/**
 * With stop strings engines hold text back, and its tokens are ahead of it; with images the ids are only placeholders;
 * plain completions know no tool calls and count log probabilities otherwise.
 */
function hasExactTokens(call: Call, partial: PartialAnswer, facts: LegFacts, wishes: Wishes): boolean {
  const { tokens } = partial
  if (!tokens || tokens.model !== facts.model || !facts.isSameModel) return false
  if (wishes.stops.length > 0 || wishes.isMultimodal) return false
  if (call.route === 'completions') return facts.speaks.has('completions')
  if (call.route !== 'chat' || partial.parts.some(({ kind }) => kind === 'reasoning')) return false
  if (facts.kind === 'sglang') return facts.speaks.has('chat')
  return facts.speaks.has('completions') && !wishes.offersTools && !wishes.wantsLogprobs
}

function canPrefill(call: Call, facts: LegFacts, { body }: Wishes): boolean {
  // A prompt of ids has no text that one could be added to.
  if (call.route === 'completions') return typeof body['prompt'] === 'string'
  // Anthropic takes no prefill beside extended thinking.
  const thinking = body['thinking']
  if (facts.kind === 'anthropic' && isFields(thinking) && thinking['type'] !== 'disabled') return false
  return lastOf(body) !== 'parts'
}

function endsWithAssistant({ body }: Wishes): boolean {
  return lastOf(body) !== 'other'
}

/** Whether the caller itself gave the beginning of the answer: as a text, in parts, or not. */
function lastOf(body: Wishes['body']): 'text' | 'parts' | 'other' {
  const list = body['messages'] ?? body['input']
  const last: unknown = Array.isArray(list) ? list.at(-1) : null
  if (!isFields(last) || last['role'] !== 'assistant') return 'other'
  return typeof last['content'] === 'string' && !last['tool_calls'] ? 'text' : 'parts'
}
