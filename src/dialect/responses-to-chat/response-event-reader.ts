/** Reads a chat stream and tells it as the numbered events of a response. */
import { toEvent } from '../answer/answer-reader.ts'
import { ChatPieceReader, type AnswerHead, type Part, type PartKind } from '../answer/chat-piece-reader.ts'
import type { Fields } from '../field.ts'
import { isIncomplete, toContentPart, toItem, toItemId, type ResponseEnvelope } from './response.ts'

/** The event's stem, and what the whole text is called when it is done. */
const told: Readonly<Record<PartKind, readonly [stem: string, whole: string]>> = {
  text: ['response.output_text', 'text'],
  reasoning: ['response.reasoning_text', 'text'],
  refusal: ['response.refusal', 'refusal'],
  call: ['response.function_call_arguments', 'arguments'],
}

export class ResponseEventReader extends ChatPieceReader {
  #envelope: ResponseEnvelope
  #head: AnswerHead = { id: '', model: '', createdS: null }
  #sequence = 0
  #output: Fields[] = []
  /** Of the open part; told once more as a whole when it closes. */
  #pieces: string[] = []

  constructor(emit: (event: Buffer) => void, envelope: ResponseEnvelope) {
    super(emit)
    this.#envelope = envelope
  }

  protected onBegin(head: AnswerHead): void {
    this.#head = head
    const response = this.#envelope.response(head, { output: [], finishReason: null, usage: null })
    this.#tell('response.created', { response })
    this.#tell('response.in_progress', { response })
  }

  protected onOpen(part: Part): void {
    this.#pieces = []
    const id = toItemId(this.#head, part)
    this.#tell('response.output_item.added', { output_index: part.index, item: toItem(id, part, null, 'in_progress') })
    if (part.kind !== 'call')
      this.#tell('response.content_part.added', { ...this.#place(part), part: toContentPart(part, '') })
  }

  protected onPiece(part: Part, text: string): void {
    this.#pieces.push(text)
    this.#tell(`${told[part.kind][0]}.delta`, { ...this.#place(part), delta: text, ...logprobs(part) })
  }

  protected onClose(part: Part): void {
    const text = this.#pieces.join('')
    const [stem, whole] = told[part.kind]
    this.#tell(`${stem}.done`, {
      ...this.#place(part),
      [whole]: text,
      ...(part.kind === 'call' && { name: part.name }),
      ...logprobs(part),
    })
    if (part.kind !== 'call')
      this.#tell('response.content_part.done', { ...this.#place(part), part: toContentPart(part, text) })
    const item = toItem(
      toItemId(this.#head, part),
      part,
      text,
      isIncomplete(this.finishReason) ? 'incomplete' : 'completed',
    )
    this.#output.push(item)
    this.#tell('response.output_item.done', { output_index: part.index, item })
  }

  protected onFinish(): void {
    const response = this.#envelope.response(this.#head, {
      output: this.#output,
      finishReason: this.finishReason,
      usage: this.usage,
    })
    this.#tell(`response.${String(response['status'])}`, { response })
  }

  #place(part: Part): Fields {
    const place = { item_id: toItemId(this.#head, part), output_index: part.index }
    return part.kind === 'call' ? place : { ...place, content_index: 0 }
  }

  #tell(type: string, fields: Fields): void {
    this.emit(toEvent(type, { type, sequence_number: this.#sequence++, ...fields }))
  }
}

function logprobs(part: Part): Fields {
  return part.kind === 'text' ? { logprobs: [] } : {}
}
