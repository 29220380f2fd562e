/**
 * Goes on with a broken answer on another upstream: the request for it, and a reader of what comes back that tells only
 * what is news to the caller, as if nothing had happened.
 */
import type { Call, Route, Usage } from '../call.ts'
import type { Fields } from '../field.ts'
import { JsonBody } from '../json-body.ts'
import { ToolCallHold } from '../tool-call-hold.ts'
import { translate } from '../translate.ts'
import type { EventSink, StreamReader, Translation, WholeAnswer } from '../translation.ts'
import { openWriter } from './answer-writer.ts'
import { toMark } from './aside.ts'
import { toContinuedCall, type ContinuedCall } from './continued-call.ts'
import { finishWords } from './finish-words.ts'
import { LegReader, type LegOrder } from './leg-reader.ts'
import type { PartialAnswer } from './partial-answer.ts'
import type { LegFacts, Rung } from './rung.ts'
import { readWishes } from './wishes.ts'

export interface LegOptions {
  /** Ask for token counts; false for upstreams that refuse `stream_options`. Default true. */
  readonly wantsUsage?: boolean
  /** Ask for token ids, so that a third leg may be exact. Default false. */
  readonly wantsTokenIds?: boolean
  /** Wall time, milliseconds since 1970. Default 0. */
  readonly nowMs?: number
  /** Tell the caller of the seams, in a field `holdfast` of the event that tells the finish. Default false. */
  readonly marksSeams?: boolean
  /** Who spoke before, in order, by the names of the upstreams. Default: as noted at the last seam. */
  readonly upstreams?: readonly string[]
}

/**
 * The answer that was broken, gone on with by this rung on this upstream. Only for streams: a whole answer is simply
 * asked for again.
 * @returns null when the upstream can not be asked so in any language.
 * @throws {Fault} HF_BAD_CALL when one field of the call cannot be translated.
 */
export function openLeg(
  call: Call,
  partial: PartialAnswer,
  rung: Rung,
  facts: LegFacts,
  options: LegOptions = {},
): Translation | null {
  const continued = toContinuedCall(call, partial, rung, facts)
  const { nowMs = 0, wantsUsage = true, wantsTokenIds = false } = options
  const inner = translate(continued.call, spokenFor(continued, facts), facts.model, {
    nowMs,
    wantsUsage,
    wantsTokenIds,
    holdsToolCalls: false,
  })
  if (!inner) return null
  return new LegTranslation(inner, {
    partial,
    rung,
    continued,
    wishes: readWishes(call),
    note: toNote(partial, rung, facts, options),
    marksSeams: options.marksSeams ?? false,
    kind: facts.kind,
  })
}

/** The fields that leave a last message open are those of chat; the other routes of such engines may not heed them. */
function spokenFor({ extras, marksLast }: ContinuedCall, { speaks }: LegFacts): LegFacts['speaks'] {
  const isChatOnly = marksLast || 'continue_final_message' in extras
  return isChatOnly && speaks.has('chat') ? new Set<Route>(['chat']) : speaks
}

function toNote({ seam }: PartialAnswer, rung: Rung, facts: LegFacts, options: LegOptions): LegOrder['note'] {
  return {
    count: (seam?.count ?? 0) + 1,
    isApproximate: (seam?.isApproximate ?? false) || rung.isApproximate,
    upstreams: [...(options.upstreams ?? seam?.upstreams ?? []), facts.upstream],
  }
}

class LegTranslation implements Translation {
  readonly route: Translation['route']
  readonly body: readonly Buffer[]
  readonly headers: Translation['headers']
  #inner: Translation
  #order: LegOrder

  constructor(inner: Translation, order: LegOrder) {
    this.#inner = inner
    this.#order = order
    this.route = inner.route
    this.headers = inner.headers
    this.body = withExtras(inner.body, order.continued.extras, order.continued.marksLast)
  }

  streamReader(emit: EventSink): StreamReader {
    const { wishes, partial } = this.#order
    if (!wishes.offersTools) return new LegReader(this.#inner, this.#order, emit)
    const hold = new ToolCallHold(partial.route, emit)
    const reader: StreamReader = new LegReader(this.#inner, this.#order, hold.emit)
    reader.calls = hold
    return reader
  }

  readWhole(body: Buffer): WholeAnswer {
    return this.#inner.readWhole(body)
  }
}

/** Fields that only engines know go on top of the request as the translation made it. */
function withExtras(body: readonly Buffer[], extras: Fields, marksLast: boolean): readonly Buffer[] {
  const changes = Object.fromEntries(Object.entries(extras).map(([name, value]) => [name, JSON.stringify(value)]))
  if (Object.keys(changes).length === 0 && !marksLast) return body
  const parsed = JsonBody.parse(Buffer.concat(body))
  const messages = marksLast ? parsed.value('messages') : null
  if (Array.isArray(messages)) {
    const marked = messages.map((message: Fields, at) =>
      at === messages.length - 1 ? { ...message, prefix: true } : message,
    )
    changes['messages'] = JSON.stringify(marked)
  }
  return parsed.with(changes)
}

/**
 * The events that are missing when nothing more is to be asked: the token limit is used up, or the finish has been told
 * and only the end mark is missing. Null when the answer has to be gone on with.
 */
export function closingEvents(call: Call, partial: PartialAnswer, options: LegOptions = {}): Buffer[] | null {
  const wishes = readWishes(call)
  const { tokensMax, wantsUsage } = wishes
  const isSpent = tokensMax !== null && partial.tokenCount >= tokensMax && partial.parts.length > 0
  if (partial.isEnded) return []
  if (partial.choiceCount > 1 || wishes.choiceCount > 1 || (!partial.finish && !isSpent)) return null
  const events: Buffer[] = []
  const { seam } = partial
  const mark = options.marksSeams === true && seam ? toMark(seam) : null
  const writer = openWriter(partial, { wantsUsage, mark }, (event) => events.push(event))
  const usage: Usage = {
    ...(partial.promptTokens !== null && { inputTokens: partial.promptTokens }),
    outputTokens: partial.tokenCount,
  }
  if (!partial.finish) writer.write({ is: 'finish', reason: finishWords(call.route).limit, stopText: null, raw: {} })
  writer.end(usage)
  return events
}
