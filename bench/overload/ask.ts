/** One streamed call of the overload bench: sent, read as it comes, hung up when its time is over. */
import { type Agent, type IncomingMessage, request } from 'node:http'
import { expectedAnswer } from '../../lab/answer.ts'
import type { Outcome } from './record.ts'

export interface Question {
  readonly url: string
  readonly agent: Agent
  readonly key: string
  readonly prompt: string
  /** Told as `x-request-timeout`; null for not at all. */
  readonly timeoutSeconds: number | null
  /** When the client hangs up, by `performance.now()`: a little after its deadline, to hear a last word. */
  readonly hangUpAtMs: number
  readonly signal: AbortSignal
}

/** Times by `performance.now()`. */
export interface Heard {
  readonly outcome: Outcome
  readonly code: string | null
  readonly firstTokenAtMs: number | null
  readonly endAtMs: number
  readonly tokens: number
  readonly retryAfterMs: number | null
}

interface Chunk {
  readonly choices?: readonly { delta?: { content?: string | null }; finish_reason?: string | null }[]
  readonly error?: { cause?: string; message?: string }
}

/** Reads the events of one answer and remembers what matters. */
class Listener {
  text = ''
  tokens = 0
  firstTokenAtMs: number | null = null
  fault: string | null = null
  #pending = ''
  #isFinished = false
  #isDone = false

  take(piece: string): void {
    const events = (this.#pending + piece).split('\n\n')
    this.#pending = events.pop() ?? ''
    for (const event of events) {
      const data = /^data: (.*)$/m.exec(event)?.[1]
      if (data === '[DONE]') this.#isDone = true
      else if (data !== undefined) this.#takeChunk(JSON.parse(data) as Chunk)
    }
  }

  #takeChunk({ choices, error }: Chunk): void {
    if (error !== undefined) this.fault ??= error.cause ?? error.message ?? 'error'
    const content = choices?.[0]?.delta?.content
    if (content) {
      this.firstTokenAtMs ??= performance.now()
      this.tokens++
      this.text += content
    }
    if (choices?.[0]?.finish_reason) this.#isFinished = true
  }

  /** Null when the answer is whole and right. */
  complaint(expected: string): string | null {
    if (this.fault !== null) return this.fault
    if (!this.#isFinished || !this.#isDone) return 'ended without a finish'
    return this.text === expected ? null : 'wrong text'
  }
}

/** Asks and listens to the end, whatever it is; never rejects. */
export async function ask(question: Question): Promise<Heard> {
  const { hangUpAtMs, prompt, signal } = question
  const listener = new Listener()
  const hangUp = new AbortController()
  const timer = setTimeout(() => hangUp.abort(), hangUpAtMs - performance.now())
  const tell = (outcome: Outcome, code: string | null, retryAfterMs: number | null = null): Heard => {
    const { firstTokenAtMs, tokens } = listener
    return { outcome, code, firstTokenAtMs, endAtMs: performance.now(), tokens, retryAfterMs }
  }
  try {
    const answer = await send(question, AbortSignal.any([signal, hangUp.signal]))
    answer.setEncoding('utf8')
    if (answer.statusCode !== 200) {
      const code = await causeOf(answer)
      return tell(code === 'HF_DEADLINE' ? 'late' : 'refused', code, retryAfterOf(answer))
    }
    for await (const piece of answer) listener.take(piece as string)
    const complaint = listener.complaint(expectedAnswer(prompt))
    return tell(complaint === null ? 'good' : 'broken', complaint)
  } catch (error) {
    // An error told in mid-answer: the gateway breaks the connection behind it.
    if (listener.fault !== null) return tell(listener.fault === 'HF_DEADLINE' ? 'late' : 'broken', listener.fault)
    if (signal.aborted) return tell('unsettled', 'unsettled')
    if (hangUp.signal.aborted) return tell('late', 'hung up')
    return tell('broken', error instanceof Error ? error.message : String(error))
  } finally {
    clearTimeout(timer)
  }
}

function send({ url, agent, key, prompt, timeoutSeconds }: Question, signal: AbortSignal): Promise<IncomingMessage> {
  const body = JSON.stringify({ model: 'lab-model', stream: true, messages: [{ role: 'user', content: prompt }] })
  const headers = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    authorization: `Bearer ${key}`,
    ...(timeoutSeconds === null ? {} : { 'x-request-timeout': timeoutSeconds.toFixed(3) }),
  }
  return new Promise((resolve, reject) => {
    const sent = request(`${url}/v1/chat/completions`, { method: 'POST', agent, headers, signal }, resolve)
    sent.once('error', reject)
    sent.end(body)
  })
}

async function causeOf(answer: IncomingMessage): Promise<string> {
  let text = ''
  for await (const piece of answer) text += piece as string
  try {
    return (JSON.parse(text) as Chunk).error?.cause ?? `status ${answer.statusCode}`
  } catch {
    return `status ${answer.statusCode}`
  }
}

function retryAfterOf({ headers }: IncomingMessage): number | null {
  const exactMs = Number(headers['retry-after-ms'] ?? Number.NaN)
  const seconds = Number(headers['retry-after'] ?? Number.NaN)
  if (Number.isFinite(exactMs)) return exactMs
  return Number.isFinite(seconds) ? seconds * 1000 : null
}
