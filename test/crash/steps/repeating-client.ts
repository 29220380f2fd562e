/**
 * Clients that do not stream: one that repeats its call until it has the answer, as the official SDKs do, and one that
 * asks for a response in the background and comes back for it. Both check what they get to the last byte.
 */
import { expectedAnswer } from '../../../lab/answer.ts'

export interface RepeatingOptions {
  readonly url: string
  readonly prompt: string
  /** Sends an `Idempotency-Key`; without it a repeated POST is marked as the official SDKs mark it. */
  readonly idempotencyKey: string | null
  /** Before a call is repeated. */
  readonly repeatMs: number
  /** Gives up after this time. */
  readonly patienceMs: number
  /** The response in the background is to be cancelled; null for one that is to be whole. */
  readonly onBegun?: (id: string) => void
  readonly isCancelled?: boolean
}

export interface Repeated {
  /** Null when everything was as promised. */
  readonly complaint: string | null
  readonly posts: number
  /** Milliseconds since 1970. */
  readonly endedMs: number
}

const model = 'lab-model'
const pollMs = 50

interface Answered {
  readonly status: number
  readonly text: string
}

/** Null when the connection broke. */
async function ask(url: string, request: RequestInit = {}): Promise<Answered | null> {
  try {
    const answer = await fetch(url, request)
    return { status: answer.status, text: await answer.text() }
  } catch {
    return null
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

export class RepeatingClient {
  #options: RepeatingOptions
  #posts = 0
  #endMs: number

  constructor(options: RepeatingOptions) {
    this.#options = options
    this.#endMs = performance.now() + options.patienceMs
  }

  /** A chat completion that is not streamed. */
  async runWhole(): Promise<Repeated> {
    const { prompt } = this.#options
    const messages = [{ role: 'user', content: prompt }]
    const answer = await this.#post('/v1/chat/completions', { model, messages })
    if (answer?.status !== 200) return this.#end(describe(answer))
    const { choices } = JSON.parse(answer.text) as {
      choices: { message: { content: string }; finish_reason: string }[]
    }
    return this.#end(judge(choices[0]?.message.content, choices[0]?.finish_reason === 'stop', prompt))
  }

  /** A response in the background, asked for until it has ended. */
  async runInBackground(): Promise<Repeated> {
    const { url, prompt, onBegun } = this.#options
    const begun = await this.#post('/v1/responses', { model, input: prompt, background: true })
    if (begun?.status !== 200) return this.#end(describe(begun))
    const { id } = JSON.parse(begun.text) as { id: string }
    onBegun?.(id)
    for (let last: Answered | null = null; performance.now() < this.#endMs; await pause(pollMs)) {
      const answer = await ask(`${url}/v1/responses/${id}`)
      last = answer ?? last
      // Accepted is accepted: from then on it is never unknown.
      if (answer && answer.status !== 200 && answer.status < 500) return this.#end(describe(answer))
      if (answer?.status !== 200) continue
      const response = JSON.parse(answer.text) as Response
      if (response.status === 'queued' || response.status === 'in_progress') continue
      return this.#end(this.#judgeResponse(response))
    }
    return this.#end('the response did not end in time')
  }

  #judgeResponse({ status, output }: Response): string | null {
    const { prompt, isCancelled } = this.#options
    const text = output.flatMap(({ content = [] }) => content.map(({ text }) => text)).join('')
    if (!isCancelled) return judge(text, status === 'completed', prompt)
    return status === 'cancelled' && expectedAnswer(prompt).startsWith(text) ? null : `${status}, to be cancelled`
  }

  /** Until there is an answer, or an error that says not to come back. */
  async #post(path: string, body: object): Promise<Answered | null> {
    const { url, idempotencyKey, repeatMs } = this.#options
    for (let last: Answered | null = null; ; await pause(repeatMs)) {
      const mark: Record<string, string> = idempotencyKey
        ? { 'idempotency-key': idempotencyKey }
        : { 'x-stainless-retry-count': String(this.#posts) }
      this.#posts++
      const headers = { 'content-type': 'application/json', ...mark }
      const answer = await ask(`${url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
      last = answer ?? last
      if (answer && answer.status < 500) return answer
      if (performance.now() > this.#endMs) return last
    }
  }

  #end(complaint: string | null): Repeated {
    return { complaint, posts: this.#posts, endedMs: Date.now() }
  }
}

interface Response {
  readonly status: string
  readonly output: readonly { readonly content?: readonly { readonly text: string }[] }[]
}

function judge(text: string | undefined, isFinished: boolean, prompt: string): string | null {
  const expected = expectedAnswer(prompt)
  if (!isFinished) return 'not finished'
  return text === expected ? null : `${text?.length} characters of ${expected.length}, or other ones`
}

const describe = (answer: Answered | null): string =>
  answer === null ? 'no answer in time' : `status ${answer.status}: ${answer.text.slice(0, 300)}`
