/** What a caller has heard of one answer, over one connection or several: text, ends, errors, and whatever was odd. */
import type { IncomingHttpHeaders } from 'node:http'

export interface Usage {
  readonly prompt_tokens: number
  readonly completion_tokens: number
  readonly total_tokens: number
}

export interface HeardError {
  /** A program can tell what happened: an error object with a message and a type or code. */
  readonly isTyped: boolean
  readonly words: string
  /** It says when to come back: behind a head that has been sent, no header can. */
  readonly saysWhen: boolean
}

/** How a connection ended. `late`: it had to be given up; `left`: the caller hung up, as it meant to. */
export type ConnectionEnd = 'clean' | 'broken' | 'refused' | 'late' | 'left'

interface Chunk {
  readonly model?: string
  readonly choices?: readonly Choice[]
  readonly usage?: Usage | null
  readonly error?: unknown
  readonly holdfast?: Seam
}

/** What the answer says of where it was continued, if it was asked to. */
export interface Seam {
  readonly continued?: number
  readonly upstreams?: readonly string[]
}

interface Choice {
  readonly delta?: { readonly role?: string; readonly content?: string | null }
  readonly message?: { readonly content?: string | null }
  readonly finish_reason?: string | null
}

interface ErrorBody {
  readonly message?: string
  readonly type?: string
  readonly code?: string
  readonly cause?: string
  readonly retry_after_ms?: number
}

const shownLength = 160

export class Hearing {
  readonly beganMs = performance.now()
  text = ''
  /** Events that carried text. */
  pieceCount = 0
  roleCount = 0
  finishReasons: string[] = []
  /** As the last part of the answer that names one says. */
  model: string | null = null
  usage: Usage | null = null
  seam: Seam | null = null
  isDone = false
  error: HeardError | null = null
  /** The error is an event of the answer itself, with a number, and not the word of a gateway that goes down. */
  isErrorNumbered = false
  /** Something no client should have to see: an event twice, out of order, behind the end, or not readable. */
  complaint: string | null = null
  /** Of the latest answer. */
  status: number | null = null
  headers: IncomingHttpHeaders = {}
  end: ConnectionEnd | null = null
  firstWordMs: number | null = null
  durationMs = 0
  /** Between two events that followed each other, lost connections included. */
  longestGapMs = 0
  #lastMs = this.beganMs
  /** Connections that were broken or left, and taken up again. */
  resumeCount = 0
  /** The number of the last event, where events have numbers. */
  lastId: number | null = null

  head(status: number, headers: IncomingHttpHeaders): void {
    this.status = status
    this.headers = headers
  }

  ended(end: ConnectionEnd): void {
    this.end = end
    this.durationMs = performance.now() - this.beganMs
  }

  /** A whole body that came at once: an answer or an error. */
  body(text: string): void {
    const value = parse(text)
    if (this.status !== 200) return this.#err(value, `status ${this.status}: ${text.slice(0, shownLength)}`)
    if (value === undefined) return this.#complain(`a body that is no JSON: ${text.slice(0, shownLength)}`)
    this.#take(value as Chunk)
    this.isDone = true
  }

  /** One event of a stream, without the blank line behind it. */
  event(text: string): void {
    const lines = text.split('\n')
    const valuesOf = (name: string): string[] =>
      lines.filter((line) => line.startsWith(`${name}: `)).map((line) => line.slice(name.length + 2))
    const [id] = valuesOf('id')
    const data = valuesOf('data').join('\n')
    if (data === '') return // a comment
    const nowMs = performance.now()
    this.longestGapMs = Math.max(this.longestGapMs, nowMs - this.#lastMs)
    this.#lastMs = nowMs
    if (this.isDone) return this.#complain(`an event behind the end: ${data.slice(0, shownLength)}`)
    if (id !== undefined) this.#count(Number(id))
    if (data === '[DONE]') this.isDone = true
    else {
      const value = parse(data)
      if (value === undefined) this.#complain(`an event that is no JSON: ${data.slice(0, shownLength)}`)
      else this.#take(value as Chunk)
      this.isErrorNumbered = this.error !== null && id !== undefined
    }
  }

  /** What was told on a connection that can be taken up again is not the last word. */
  forgetError(): void {
    this.error = null
  }

  #count(id: number): void {
    const due = this.lastId === null ? 0 : this.lastId + 1
    if (id !== due) this.#complain(`event ${id} came where ${due} was due`)
    this.lastId = id
  }

  #take({ model, choices, usage, error, holdfast }: Chunk): void {
    if (holdfast) this.seam = holdfast
    if (error !== undefined) this.#err({ error }, 'an error in the stream')
    if (model !== undefined) this.model = model
    if (usage) this.usage = usage
    for (const { delta, message, finish_reason: finishReason } of choices ?? []) {
      const text = delta?.content ?? message?.content ?? ''
      if (delta?.role) this.roleCount++
      if (text !== '') this.pieceCount++
      if (text !== '' && this.finishReasons.length > 0) this.#complain('text behind the finish')
      this.firstWordMs ??= text === '' ? null : performance.now() - this.beganMs
      this.text += text
      if (finishReason) this.finishReasons.push(finishReason)
    }
  }

  #err(value: unknown, fallback: string): void {
    const { error } = (value ?? {}) as { error?: ErrorBody }
    const isTyped = typeof error?.message === 'string' && typeof (error.type ?? error.code) === 'string'
    const name = error?.cause ?? error?.code ?? error?.type ?? ''
    const words = isTyped ? `${name}: ${error?.message}`.slice(0, shownLength) : fallback
    const saysWhen = this.headers['retry-after'] !== undefined || typeof error?.retry_after_ms === 'number'
    this.error ??= { isTyped, words, saysWhen }
  }

  #complain(words: string): void {
    this.complaint ??= words
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
