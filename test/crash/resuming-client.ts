/**
 * A client that knows the resume contract and checks it closely: it asks, loses its connection (by itself or because
 * something died), goes on behind the last event it has, and notes every event that came twice, late or not at all.
 */
import { expectedAnswer } from '../../lab/answer.ts'
import type { Random } from '../../src/ground/random.ts'

export interface ResumingOptions {
  readonly url: string
  readonly model: string
  readonly prompt: string
  readonly random: Random
  /** Chance that it drops its connection at an event, by itself. */
  readonly dropChance: number
  /** Known from elsewhere: it reads that answer from the beginning, and asks for none. */
  readonly ray?: string
  /** Sends an `Idempotency-Key`; without it a repeated POST is marked as the official SDKs mark it. */
  readonly idempotencyKey: string | null
  /** Gives up after this time without a new event. */
  readonly patienceMs: number
  /** Called for each event that was due. */
  readonly onEvent?: (number: number, client: ResumingClient) => void
  /** Before a POST is repeated; 50 ms. The official SDKs wait for half a second or more. */
  readonly repeatMs?: number
  /** One that is told when to come back waits so long. */
  readonly obeysRetryAfter?: boolean
  /** The answer is to end with HF_CANCELLED; what came before must be its beginning. */
  readonly isCancelled?: boolean
}

export interface Resumed {
  /** Null when everything was as promised. */
  readonly complaint: string | null
  readonly resumes: number
  readonly posts: number
  /** Longest time between two events, milliseconds. */
  readonly longestGapMs: number
}

interface Chunk {
  readonly choices?: readonly { delta?: { content?: string | null; role?: string }; finish_reason?: string | null }[]
  readonly error?: { cause?: string; message?: string }
}

const retryMs = 50

export class ResumingClient {
  /** The data of the events, by number. */
  readonly events: string[] = []
  /** When they came, milliseconds since 1970. */
  readonly arrivedMs: number[] = []
  #options: ResumingOptions
  #ray: string | null
  #abort: AbortController | null = null
  #away: Promise<void> | null = null
  #text = ''
  #roles = 0
  #finishes = 0
  #isDone = false
  #complaint: string | null = null
  #posts = 0
  #resumes = 0
  #lastMs = performance.now()
  #longestGapMs = 0
  /** How the last connection ended. */
  #last = ''
  #toldMs = 0

  constructor(options: ResumingOptions) {
    this.#options = options
    this.#ray = options.ray ?? null
  }

  get prompt(): string {
    return this.#options.prompt
  }

  get ray(): string | null {
    return this.#ray
  }

  get #nextId(): number {
    return this.events.length
  }

  /** Breaks its connection, and comes back once this is resolved. */
  leave(until: Promise<void>): void {
    this.#away = until
    this.#abort?.abort()
  }

  async run(): Promise<Resumed> {
    const { patienceMs, prompt } = this.#options
    this.#lastMs = performance.now()
    while (!this.#isDone && this.#complaint === null) {
      if (performance.now() - this.#lastMs > patienceMs) this.#complain(`nothing new for ${patienceMs} ms`)
      else await this.#connect()
    }
    if (this.#complaint === null) this.#judge(expectedAnswer(prompt))
    return {
      complaint: this.#complaint,
      resumes: this.#resumes,
      posts: this.#posts,
      longestGapMs: this.#longestGapMs,
    }
  }

  #judge(expected: string): void {
    if (this.#options.isCancelled) {
      if (this.#finishes > 0 || !expected.startsWith(this.#text))
        this.#complain('cancelled, but looks whole or is wrong')
      return
    }
    if (this.#text !== expected)
      return this.#complain(`${this.#text.length} characters of ${expected.length}, or other ones`)
    if (this.#finishes !== 1 || this.#roles !== 1) this.#complain(`${this.#finishes} finishes, ${this.#roles} roles`)
  }

  async #connect(): Promise<void> {
    if (this.#away) {
      await this.#away
      this.#away = null
      this.#lastMs = performance.now()
    }
    const abort = new AbortController()
    this.#abort = abort
    try {
      const answer = this.#ray === null ? await this.#post(abort.signal) : await this.#resume(abort.signal)
      if (answer.status !== 200) return await this.#refused(answer)
      this.#ray ??= answer.headers.get('holdfast-ray')
      await this.#read(answer.body as ReadableStream<Uint8Array>)
      this.#last = 'the stream ended'
    } catch (error) {
      // The connection broke: that is what this client is for.
      this.#last = String((error as Error).cause ?? error)
    } finally {
      abort.abort()
    }
    const pauseMs = this.#ray === null ? Math.max(this.#toldMs, this.#options.repeatMs ?? retryMs) : retryMs
    this.#toldMs = 0
    if (!this.#isDone && !this.#away) await new Promise((resolve) => setTimeout(resolve, pauseMs))
  }

  #post(signal: AbortSignal): Promise<Response> {
    const { url, model, prompt, idempotencyKey } = this.#options
    const body = JSON.stringify({ model, stream: true, messages: [{ role: 'user', content: prompt }] })
    const mark: Record<string, string> = idempotencyKey
      ? { 'idempotency-key': idempotencyKey }
      : { 'x-stainless-retry-count': String(this.#posts) }
    this.#posts++
    const headers = { 'content-type': 'application/json', ...mark }
    return fetch(`${url}/v1/chat/completions`, { method: 'POST', headers, body, signal })
  }

  #resume(signal: AbortSignal): Promise<Response> {
    this.#resumes++
    const headers: Record<string, string> = { accept: 'text/event-stream' }
    if (this.#nextId > 0) headers['last-event-id'] = String(this.#nextId - 1)
    return fetch(`${this.#options.url}/v1/answers/${this.#ray}`, { headers, signal })
  }

  async #refused(answer: Response): Promise<void> {
    const text = await answer.text()
    // The answer ended while its last events were on their way to us: nothing is left to send.
    if (answer.status === 204) return this.#complain('told that all was sent, but the end never came')
    this.#last = `status ${answer.status}: ${text.slice(0, 200)}`
    if (this.#options.obeysRetryAfter) this.#toldMs = Number(answer.headers.get('retry-after-ms') ?? 0)
    if (answer.headers.get('x-should-retry') === 'true') return
    this.#complain(`status ${answer.status}: ${text.slice(0, 200)}`)
  }

  async #read(body: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder()
    let pending = ''
    for await (const bytes of body as unknown as AsyncIterable<Uint8Array>) {
      pending += decoder.decode(bytes, { stream: true })
      for (let end = pending.indexOf('\n\n'); end !== -1; end = pending.indexOf('\n\n')) {
        const event = pending.slice(0, end)
        pending = pending.slice(end + 2)
        if (!this.#take(event)) return
      }
    }
  }

  /** False when this connection has served its time. */
  #take(event: string): boolean {
    if (event.startsWith(':')) return true
    const [, id] = /^id: (\d+)$/m.exec(event) ?? []
    const [, data = ''] = /^data: (.*)$/m.exec(event) ?? []
    // The last word of a gateway that closes or dies is no event of the answer: it has no number.
    if (id === undefined) return false
    if (Number(id) !== this.#nextId) {
      this.#complain(`event ${id} came where ${this.#nextId} was due`)
      return false
    }
    this.events.push(data)
    this.arrivedMs.push(Date.now())
    const nowMs = performance.now()
    this.#longestGapMs = Math.max(this.#longestGapMs, nowMs - this.#lastMs)
    this.#lastMs = nowMs
    if (this.#isDone) {
      this.#complain(`event ${id} came behind the end mark`)
      return false
    }
    if (data === '[DONE]') {
      this.#isDone = true
      return true // until the connection ends: nothing may follow
    }
    this.#takeChunk(JSON.parse(data) as Chunk)
    this.#options.onEvent?.(this.#nextId - 1, this)
    if (this.#isDone || this.#away) return false
    return this.#complaint === null && this.#options.random.unit() >= this.#options.dropChance
  }

  #takeChunk({ choices, error }: Chunk): void {
    if (error && this.#options.isCancelled && error.cause === 'HF_CANCELLED') {
      this.#isDone = true
      return
    }
    if (error) return this.#complain(`error in the stream: ${error.cause} ${error.message}`)
    const choice = choices?.[0]
    if (choice?.delta?.role) this.#roles++
    this.#text += choice?.delta?.content ?? ''
    if (choice?.finish_reason) this.#finishes++
  }

  #complain(words: string): void {
    this.#complaint ??= `${words} (ray ${this.#ray}, ${this.#posts} posts, ${this.#resumes} resumes, event ${this.#nextId}, last: ${this.#last})`
  }
}
