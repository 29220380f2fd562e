/** A client without manners or mercy: sends one call on a connection of its own and tells exactly how it ended. */
import assert from 'node:assert/strict'
import { type IncomingHttpHeaders, request } from 'node:http'

export interface Outcome {
  /**
   * `complete`: as framed; `silent`: nothing for `quietMs`, and we left; otherwise the error code that node:http gave.
   */
  readonly end: string
  readonly status: number | null
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

export interface CallOptions {
  readonly method?: string
  readonly headers?: Record<string, string>
  /** Silence after which the client leaves; 10 s by default, far longer than anything takes. */
  readonly quietMs?: number
  /** Leaves as soon as this much text has come. */
  readonly leaveAfter?: string
}

/** Calls with a JSON body (or a text as it is); never throws. */
export function call(
  url: string,
  path: string,
  body: object | string | null,
  options: CallOptions = {},
): Promise<Outcome> {
  return new Promise((resolve) => {
    let status: number | null = null
    let headers: IncomingHttpHeaders = {}
    let text = ''
    const method = options.method ?? (body === null ? 'GET' : 'POST')
    const flight = request(url + path, {
      method,
      agent: false,
      headers: { 'content-type': 'application/json', ...options.headers },
    })
    const end = (how: string): void => {
      clearTimeout(quiet)
      flight.destroy()
      resolve({ end: how, status, headers, text })
    }
    // After a pause of the whole process timers run before data that has long come: so it looks twice.
    const quiet = setTimeout(() => {
      const before = text
      setTimeout(() => (text === before ? end('silent') : quiet.refresh()), 50)
    }, options.quietMs ?? 10_000)
    flight.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message))
    flight.on('response', (response) => {
      status = response.statusCode ?? null
      headers = response.headers
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
        quiet.refresh()
        if (options.leaveAfter !== undefined && text.includes(options.leaveAfter)) end('left')
      })
      response.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message))
      response.on('end', () => end(response.complete ? 'complete' : 'incomplete'))
    })
    flight.end(body === null ? undefined : typeof body === 'string' ? body : JSON.stringify(body))
  })
}

/**
 * The data of the events in a stream, `[DONE]` as it is, everything else parsed; what cannot be parsed becomes null.
 */
export function eventsOf(text: string): unknown[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('data: '))
    .map((line) => line.slice(6))
    .map((data) => {
      try {
        return data === '[DONE]' ? data : JSON.parse(data)
      } catch {
        return null
      }
    })
}

interface Chunk {
  readonly choices?: readonly {
    readonly text?: string
    readonly delta?: { readonly content?: string | null }
    readonly finish_reason?: string | null
    readonly token_ids?: readonly number[]
  }[]
}

/** The text that the chunks of an OpenAI stream come to, and how it finished. */
export function streamedText(text: string): { text: string; finish: string | null; isDone: boolean; ids: number[] } {
  let said = ''
  let finish: string | null = null
  const ids: number[] = []
  const events = eventsOf(text)
  for (const event of events) {
    if (event === null || typeof event !== 'object') continue
    const choice = (event as Chunk).choices?.[0]
    said += choice?.delta?.content ?? choice?.text ?? ''
    finish = choice?.finish_reason ?? finish
    ids.push(...(choice?.token_ids ?? []))
  }
  return { text: said, finish, isDone: events.at(-1) === '[DONE]', ids }
}

/** What stands at a path like `choices.0.message.content` in parsed JSON; undefined where there is nothing. */
export function pick(value: unknown, path: string): unknown {
  let found = value
  for (const key of path.split('.')) {
    found = typeof found === 'object' && found !== null ? (found as Record<string, unknown>)[key] : undefined
  }
  return found
}

/** The list at a path, empty where there is none. */
export function pickList(value: unknown, path: string): unknown[] {
  const found = pick(value, path)
  return Array.isArray(found) ? found : []
}

/** A chat of one user message for the lab model. */
export function chat(content: string, more: object = {}): object {
  return { model: 'lab-model', messages: [{ role: 'user', content }], ...more }
}

/** What stands at `path` in an answer that came whole. */
export function at(outcome: Outcome, path: string): unknown {
  assert.equal(outcome.end, 'complete')
  return pick(JSON.parse(outcome.text), path)
}
