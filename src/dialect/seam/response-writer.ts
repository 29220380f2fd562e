/** Goes on with an answer as numbered events of responses. */
import { toEvent } from '../answer/answer-reader.ts'
import type { Usage } from '../call.ts'
import { isFields, pick, type Fields } from '../field.ts'
import { toResponseUsage } from '../responses-to-chat/response.ts'
import type { PartialAnswer, SaidPart } from './partial-answer.ts'
import { closeSteps, textOf, type Finish, type Opening, type Piece } from './piece.ts'

/** The item under way. */
interface OpenItem {
  readonly kind: Opening['kind']
  readonly item: Fields
  readonly index: number
  readonly texts: string[]
  /** How much of its end has been told. */
  step: number
}

/** What a response tells of itself that is not its own but its answer's. */
const answerFields: ReadonlySet<string> = new Set(['output', 'usage', 'status', 'error', 'incomplete_details'])

export class ResponseWriter {
  #emit: (event: Buffer) => void
  #mark: Fields | null
  #sequence: number
  #envelope: Fields
  #hasBegun: boolean
  #output: Fields[] = []
  #ids = new Set<unknown>()
  #open: OpenItem | null = null
  #loneItem: Fields | null
  #finish: Finish | null = null

  constructor(partial: PartialAnswer, { mark }: { mark: Fields | null }, emit: (event: Buffer) => void) {
    this.#emit = emit
    this.#mark = mark
    this.#sequence = partial.sequence
    this.#envelope = partial.envelope
    this.#hasBegun = partial.hasBegun
    this.#loneItem = partial.loneItem
    for (const part of partial.parts) this.#recall(part)
  }

  /** Parts of what was said: whole ones are only remembered, the last may want the rest of its end. */
  #recall(part: SaidPart): void {
    const { kind, raw, text, closeStep, closing } = part
    this.#ids.add(raw['id']).add(raw['call_id'])
    if (closeStep === closeSteps.itemDone) this.#output.push(closing)
    else this.#open = { kind, item: raw, index: this.#output.length, texts: [text], step: closeStep }
  }

  write(piece: Piece): void {
    switch (piece.is) {
      case 'begin':
        return this.#begin(piece.envelope)
      case 'open':
        return this.#openItem(piece)
      case 'more':
        return this.#more(piece.text, piece.raw)
      case 'close':
        return this.#close(piece.step, piece.raw)
      case 'finish':
        this.#close(closeSteps.itemDone, piece.reason === 'completed' ? {} : { status: 'incomplete' })
        this.#dropLoneItem()
        this.#finish = piece
        return
      case 'usage':
      case 'end':
        return
    }
  }

  end(usage: Usage | null): void {
    const reason = this.#finish?.reason ?? 'completed'
    const isCompleted = reason === 'completed'
    const status = isCompleted ? 'completed' : 'incomplete'
    const response = {
      ...this.#envelope,
      ...(isFields(this.#finish?.raw) && pick(this.#finish.raw, 'completed_at')),
      status,
      error: null,
      incomplete_details: isCompleted ? null : { reason },
      output: this.#output,
      usage: toResponseUsage(usage),
      ...(this.#mark && { holdfast: this.#mark }),
    }
    this.#tell(`response.${status}`, { response })
  }

  #begin(envelope: Fields): void {
    if (this.#hasBegun) return
    this.#hasBegun = true
    this.#envelope = envelope
    const bare = Object.fromEntries(Object.entries(envelope).filter(([name]) => !answerFields.has(name)))
    const response = { ...bare, status: 'in_progress', error: null, incomplete_details: null, output: [], usage: null }
    this.#tell('response.created', { response })
    this.#tell('response.in_progress', { response })
  }

  #openItem(opening: Opening): void {
    this.#close(closeSteps.itemDone, {})
    const { kind } = opening
    const isMessage = kind === 'text' || kind === 'refusal'
    const lone = isMessage ? this.#loneItem : null
    if (!lone) this.#dropLoneItem()
    this.#loneItem = null
    const item = lone ?? { ...toNewItem(opening), ...this.#freshIds(opening) }
    const index = this.#output.length
    this.#open = { kind, item, index, texts: [], step: 0 }
    this.#ids.add(item['id']).add(item['call_id'])
    if (!lone) this.#tell('response.output_item.added', { output_index: index, item })
    if (isMessage) this.#tell('response.content_part.added', { ...this.#place(), part: toPart(kind, '') })
  }

  /** A message that was begun and got no words is ended without any. */
  #dropLoneItem(): void {
    const item = this.#loneItem
    if (!item) return
    this.#loneItem = null
    const ended = { ...item, status: 'completed', content: [] }
    this.#tell('response.output_item.done', { output_index: this.#output.length, item: ended })
    this.#output.push(ended)
  }

  /** Ids that no item of the answer has; another upstream may count its own from 0 again. */
  #freshIds({ kind, raw, callId }: Opening): Fields {
    const id = this.#freshId(textOf(raw['id']) || `${kind}_0`)
    return kind === 'call' ? { id, call_id: this.#freshId(callId) } : { id }
  }

  #freshId(id: string): string {
    let fresh = id
    while (this.#ids.has(fresh)) fresh = `${id}_${this.#output.length}`
    return fresh
  }

  #more(text: string, raw: Fields): void {
    const open = this.#open
    if (!open) return
    open.texts.push(text)
    const type = textOf(raw['type'])
    if (open.kind === 'text' || open.kind === 'refusal') {
      if (text === '' && type === '') return
      const stem = open.kind === 'text' ? 'response.output_text.delta' : 'response.refusal.delta'
      const told = type ? raw : { delta: text, ...(open.kind === 'text' && { logprobs: [] }) }
      return this.#tell(type || stem, { ...told, ...this.#place() })
    }
    // Of any other item the events are told as they came, under our numbers.
    if (type) this.#tell(type, { ...raw, ...pick(this.#place(), 'item_id', 'output_index') })
    else if (text !== '') this.#tell(deltaTypes[open.kind], { ...this.#place(), delta: text })
  }

  /** Tells the end of the open item up to `step`. */
  #close(step: number, closing: Fields): void {
    const open = this.#open
    if (!open) return
    const { kind, item, index } = open
    const text = open.texts.join('')
    const isMessage = kind === 'text' || kind === 'refusal'
    if (isMessage && open.step < closeSteps.textDone) this.#tellTextDone(kind, text)
    if (isMessage && open.step < closeSteps.partDone && step >= closeSteps.partDone)
      this.#tell('response.content_part.done', { ...this.#place(), part: toPart(kind, text) })
    open.step = Math.max(open.step, step)
    if (step < closeSteps.itemDone) return
    const whole = isMessage ? { content: [toPart(kind, text)] } : {}
    const ended = { ...item, status: 'completed', ...closing, ...pick(item, 'id', 'call_id'), ...whole }
    this.#tell('response.output_item.done', { output_index: index, item: ended })
    this.#output.push(ended)
    this.#open = null
  }

  #tellTextDone(kind: 'text' | 'refusal', text: string): void {
    if (kind === 'text') this.#tell('response.output_text.done', { ...this.#place(), text, logprobs: [] })
    else this.#tell('response.refusal.done', { ...this.#place(), refusal: text })
  }

  #place(): Fields {
    return { item_id: this.#open?.item['id'], output_index: this.#open?.index, content_index: 0 }
  }

  #tell(type: string, fields: Fields): void {
    const { type: _, sequence_number: __, ...rest } = fields
    this.#emit(toEvent(type, { type, sequence_number: this.#sequence++, ...rest }))
  }
}

const deltaTypes = {
  reasoning: 'response.reasoning_text.delta',
  call: 'response.function_call_arguments.delta',
  other: 'response.reasoning_text.delta',
} as const

function toPart(kind: 'text' | 'refusal', text: string): Fields {
  return kind === 'refusal'
    ? { type: 'refusal', refusal: text }
    : { type: 'output_text', text, annotations: [], logprobs: [] }
}

/** As an item is when it has only begun. */
function toNewItem({ kind, raw }: Opening): Fields {
  const isMessage = kind === 'text' || kind === 'refusal'
  return isMessage
    ? { type: 'message', role: 'assistant', ...raw, status: 'in_progress', content: [] }
    : { ...raw, status: 'in_progress' }
}
