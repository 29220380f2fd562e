/** Reads a streamed answer of chat or completions that goes to the caller as it comes. */
import { AnswerReader, doneEvent, withBlankLine } from '../answer/answer-reader.ts'
import { readEmbeddedError } from '../upstream-error.ts'
import { isErrorValue } from '../error-words.ts'
import { isFields } from '../field.ts'
import { finishFault } from '../answer/finish-fault.ts'
import { eventData } from '../sse-splitter.ts'
import { chatUsage } from '../answer/usage.ts'
import type { EventSink } from '../translation.ts'
import { isPlainChunk } from './plain-chunk.ts'
import { cutTokenIds, findTokenIds } from './token-ids.ts'

export interface ChatReaderOptions {
  /** Answers asked for at once (`n` times the prompts); each must come to its finish. */
  readonly choiceCount: number
  /** The usage chunk was asked for by us and not by the caller, who shall not see it. */
  readonly dropsUsage: boolean
  /**
   * The ids of tokens in the chunks: left where they are; copied to the asides, since the caller asked for them too; or
   * cut out, since only we did.
   */
  readonly tokenIds: 'left' | 'copied' | 'cut'
  /** The model's name at the upstream, told with its ids. */
  readonly model: string
}

const doneData = Buffer.from('[DONE]')
/** Fields of a delta or a text choice that a person would see something of. */
const contentFields = [
  'content',
  'text',
  'reasoning_content',
  'reasoning',
  'refusal',
  'tool_calls',
  'function_call',
  'audio',
]

export class ChatReader extends AnswerReader {
  #options: ChatReaderOptions
  #seen = new Set<number>()
  #finished = new Set<number>()

  constructor(emit: EventSink, options: ChatReaderOptions) {
    super(emit)
    this.#options = options
  }

  read(event: Buffer): void {
    if (this.isEnded || this.failure) return
    if (this.hasContent && this.#options.choiceCount === 1 && isPlainChunk(event)) {
      this.contentCount++
      this.#pass(event)
      return
    }
    this.#readClosely(event)
  }

  /** `[DONE]` is ours to say, and only of an answer that is whole. */
  end(): void {
    if (this.isComplete) this.emit(doneEvent)
  }

  #readClosely(event: Buffer): void {
    const data = eventData(event)
    if (data.length === 0) return
    if (data.equals(doneData)) return this.#readDone()
    const chunk = this.parse(data)
    if (!chunk) return
    if (isErrorValue(chunk)) {
      this.failure = readEmbeddedError(chunk, 'openai')
      return
    }
    const { choices } = chunk
    if (!Array.isArray(choices)) {
      this.malformedCount++
      return
    }
    const usage = chatUsage(chunk['usage'])
    if (usage) this.usage = usage
    if (usage && choices.length === 0 && this.#options.dropsUsage) return
    this.#readChoices(choices)
    if (!this.failure) this.#pass(event)
  }

  #pass(event: Buffer): void {
    const { tokenIds, model } = this.#options
    if (tokenIds === 'left') return this.emit(withBlankLine(event))
    const found = findTokenIds(event, model)
    if (found === null) return this.emit(withBlankLine(event))
    this.emit(tokenIds === 'cut' ? cutTokenIds(event, found) : withBlankLine(event), found.aside)
  }

  /** Some servers ignore `n`: at the end mark it is enough that every answer that began has finished. */
  #readDone(): void {
    this.isEnded = true
    if (this.#finished.size > 0 && this.#finished.size === this.#seen.size) this.isComplete = true
  }

  #readChoices(choices: readonly unknown[]): void {
    for (const choice of choices) {
      if (!isFields(choice)) continue
      const index = typeof choice['index'] === 'number' ? choice['index'] : 0
      this.#seen.add(index)
      const delta = isFields(choice['delta']) ? choice['delta'] : choice
      if (contentFields.some((name) => isContent(delta[name]))) this.noteContent()
      const reason = choice['finish_reason']
      if (typeof reason === 'string') this.#readFinish(index, reason)
    }
  }

  #readFinish(index: number, reason: string): void {
    this.failure = finishFault(reason)
    if (this.failure) return
    const { choiceCount } = this.#options
    this.hasContent = true
    // One that was not asked for cannot end those that were.
    if (!Number.isInteger(index) || index < 0 || index >= choiceCount) return
    this.#finished.add(index)
    this.finishReason = reason
    if (this.#finished.size >= choiceCount) this.isComplete = true
  }
}

function isContent(value: unknown): boolean {
  if (typeof value === 'string' || Array.isArray(value)) return value.length > 0
  return isFields(value)
}
