/** Goes on with an answer as chunks of chat or completions. */
import { doneEvent, toEvent } from '../answer/answer-reader.ts'
import type { Usage } from '../call.ts'
import { toChatUsage } from '../chat-to-messages/chat-completion.ts'
import { isFields, pick, type Fields } from '../field.ts'
import type { PartialAnswer } from './partial-answer.ts'
import { fieldsOf, textOf, type Finish, type Opening, type Piece, type PartKind } from './piece.ts'

interface ChatWriterOptions {
  readonly wantsUsage: boolean
  readonly mark: Fields | null
}

export class ChatWriter {
  #isChat: boolean
  #emit: (event: Buffer) => void
  #options: ChatWriterOptions
  #frame: Fields
  #hasBegun: boolean
  #hasUsage: boolean
  #kind: PartKind | null
  #callCount: number
  #callIds: Set<string>
  #reasoningField: string
  /** The last that was said before the seam is a thought. */
  #isThoughtLast: boolean
  /** UTF-16 units of text told so far, by which completions count. */
  #textLength: number

  constructor(partial: PartialAnswer, options: ChatWriterOptions, emit: (event: Buffer) => void) {
    this.#isChat = partial.route === 'chat'
    this.#emit = emit
    this.#options = options
    this.#frame = toFrame(partial.envelope)
    this.#hasBegun = partial.hasBegun
    this.#hasUsage = partial.usage !== null
    const last = partial.parts.at(-1)
    this.#kind = last?.isOpen ? last.kind : null
    this.#isThoughtLast = last?.kind === 'reasoning'
    const calls = partial.parts.filter(({ kind }) => kind === 'call')
    this.#callCount = calls.length
    this.#callIds = new Set(calls.map(({ callId }) => callId))
    const thought = partial.parts.find(({ kind }) => kind === 'reasoning')?.raws[0]
    this.#reasoningField = reasoningField(thought) ?? ''
    this.#textLength = partial.parts.reduce((sum, { kind, text }) => sum + (kind === 'text' ? text.length : 0), 0)
  }

  write(piece: Piece): void {
    switch (piece.is) {
      case 'begin':
        return this.#begin(piece.envelope)
      case 'open':
        // A thought that begins anew is set off from the half of it that was told.
        if (piece.kind === 'reasoning' && this.#isThoughtLast) this.#tell({ delta: { [this.#reasoningField]: '\n\n' } })
        this.#isThoughtLast = false
        this.#kind = piece.kind
        if (piece.kind === 'call') this.#openCall(piece)
        return
      case 'more':
        return this.#more(piece.text, piece.raw)
      case 'close':
        this.#kind = null
        return
      case 'finish':
        return this.#finish(piece)
      case 'usage':
      case 'end':
        return
    }
  }

  end(usage: Usage | null): void {
    const { wantsUsage } = this.#options
    if (wantsUsage && !this.#hasUsage && usage?.inputTokens !== undefined)
      this.#emit(toEvent(null, { ...this.#frame, choices: [], usage: toChatUsage(usage) }))
    this.#emit(doneEvent)
  }

  #begin(envelope: Fields): void {
    if (this.#hasBegun) return
    this.#hasBegun = true
    this.#frame = toFrame(envelope)
    if (this.#isChat) this.#tell({ delta: { role: 'assistant', content: '' } })
  }

  #openCall({ callId, name, raw }: Opening): void {
    const index = this.#callCount++
    let id = callId
    while (this.#callIds.has(id)) id = `${callId}_${index}`
    this.#callIds.add(id)
    const call = { index, id, type: textOf(raw['type']) || 'function', function: { name, arguments: '' } }
    this.#tell({ delta: { tool_calls: [call] } })
  }

  #more(text: string, raw: Fields): void {
    if (text === '') return
    if (this.#kind === 'call') {
      const call = { index: this.#callCount - 1, function: { arguments: text } }
      return this.#tell({ delta: { tool_calls: [call] } })
    }
    if (this.#kind === 'reasoning') {
      this.#reasoningField ||= reasoningField(raw) ?? 'reasoning_content'
      return this.#tell({ delta: { [this.#reasoningField]: text } })
    }
    const logprobs = isFields(raw['logprobs']) ? this.#shifted(raw['logprobs']) : null
    if (this.#kind === 'refusal') return this.#tell({ delta: { refusal: text }, logprobs })
    this.#tell(this.#isChat ? { delta: { content: text }, logprobs } : { text, logprobs })
    this.#textLength += text.length
  }

  /** Completions count their tokens from the first letter of the answer, and the upstream from that of its own. */
  #shifted(logprobs: Fields): Fields {
    const offsets = logprobs['text_offset']
    if (!Array.isArray(offsets) || typeof offsets[0] !== 'number') return logprobs
    const shift = this.#textLength - offsets[0]
    return { ...logprobs, text_offset: offsets.map((offset) => Number(offset) + shift) }
  }

  #finish({ reason, raw }: Finish): void {
    this.#kind = null
    const content = this.#isChat ? { delta: {} } : { text: '' }
    const stop = 'stop_reason' in raw ? { stop_reason: raw['stop_reason'] } : {}
    this.#tell({ ...content, finish_reason: reason, ...stop }, this.#options.mark)
  }

  #tell(said: Fields, mark: Fields | null = null): void {
    const { delta, text, ...rest } = said
    const content = this.#isChat ? { delta } : { text }
    const choice = { index: 0, ...content, logprobs: null, finish_reason: null, ...rest }
    const usage = this.#options.wantsUsage ? { usage: null } : {}
    this.#emit(toEvent(null, { ...this.#frame, choices: [choice], ...usage, ...(mark && { holdfast: mark }) }))
  }
}

function toFrame(envelope: Fields): Fields {
  return pick(envelope, 'id', 'object', 'created', 'model', 'system_fingerprint', 'service_tier')
}

/** Two spellings are about; the caller gets the one it has had. */
function reasoningField(choice: Fields | undefined): string | null {
  const delta = fieldsOf(choice?.['delta'])
  return ['reasoning_content', 'reasoning'].find((name) => typeof delta[name] === 'string') ?? null
}
