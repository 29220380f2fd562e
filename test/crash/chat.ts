/** One chat call of a client that looks closely: what came, whether it was whole, and if not, how it ended. */
import { expectedAnswer } from '../../lab/answer.ts'

export type Verdict =
  /** The whole answer, byte for byte. */
  | 'whole'
  /** A typed error before anything of an answer. */
  | 'refused'
  /** Part of the answer, then a typed error in the stream, and no end mark. */
  | 'broken off'
  /** Anything else: a bare error page, a cut without a word, a wrong or repeated token, a cut that looks whole. */
  | 'naked'

export interface Outcome {
  readonly verdict: Verdict
  /** Fault code, where one was told. */
  readonly code: string | null
  readonly detail: string
  /** Pieces of text received before the end. */
  readonly tokens: number
}

interface Chunk {
  readonly choices?: readonly { delta?: { content?: string | null }; finish_reason?: string | null }[]
  readonly error?: { cause?: string; message?: string }
}

/**
 * Asks and judges the answer. A prompt that says `tokens:60` gets that many from a lab server. `onToken` is called as
 * each piece of text of a stream comes.
 */
export async function chat(
  url: string,
  model: string,
  prompt: string,
  isStream: boolean,
  key?: string,
  onToken: () => void = () => {},
): Promise<Outcome> {
  const body = JSON.stringify({ model, stream: isStream, messages: [{ role: 'user', content: prompt }] })
  try {
    const answer = await fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(key && { authorization: `Bearer ${key}` }) },
      body,
    })
    if (answer.status !== 200) return refused(answer.status, await answer.text())
    if (isStream) return await readStream(answer, expectedAnswer(prompt), onToken)
    const whole = JSON.parse(await answer.text()) as {
      choices: { message: { content: string }; finish_reason: string }[]
    }
    return judge(whole.choices[0]?.message.content ?? '', expectedAnswer(prompt), 1)
  } catch (error) {
    return { verdict: 'naked', code: null, detail: String((error as Error).cause ?? error), tokens: 0 }
  }
}

function judge(text: string, expected: string, tokens: number): Outcome {
  if (text === expected) return { verdict: 'whole', code: null, detail: '', tokens }
  return {
    verdict: 'naked',
    code: null,
    detail: `${text.length} of ${expected.length} characters, and looks whole`,
    tokens,
  }
}

function refused(status: number, text: string): Outcome {
  try {
    const code = (JSON.parse(text) as { error: { cause: string } }).error.cause
    return { verdict: code.startsWith('HF_') ? 'refused' : 'naked', code, detail: `status ${status}`, tokens: 0 }
  } catch {
    return { verdict: 'naked', code: null, detail: `status ${status}: ${text.slice(0, 80)}`, tokens: 0 }
  }
}

async function* texts(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  for await (const bytes of body) yield decoder.decode(bytes, { stream: true })
}

async function readStream(answer: Response, expected: string, onToken: () => void): Promise<Outcome> {
  let text = ''
  let tokens = 0
  let isFinished = false
  let isDone = false
  let fault: string | null = null
  let pending = ''
  try {
    for await (const bytes of texts(answer.body as ReadableStream<Uint8Array>)) {
      pending += bytes
      for (let end = pending.indexOf('\n\n'); end !== -1; end = pending.indexOf('\n\n')) {
        const [, data = '{}'] = /^data: (.*)$/m.exec(pending.slice(0, end)) ?? []
        pending = pending.slice(end + 2)
        if (data === '[DONE]') isDone = true
        else {
          const chunk = JSON.parse(data) as Chunk
          const choice = chunk.choices?.[0]
          if (choice?.delta?.content) {
            tokens++
            onToken()
          }
          text += choice?.delta?.content ?? ''
          isFinished ||= Boolean(choice?.finish_reason)
          fault ??= chunk.error?.cause ?? null
        }
      }
    }
  } catch (error) {
    if (fault === null)
      return {
        verdict: 'naked',
        code: null,
        detail: `cut without a word: ${String((error as Error).cause ?? error)}`,
        tokens,
      }
  }
  if (fault !== null) {
    const isHonest = expected.startsWith(text) && !isDone && !isFinished
    return {
      verdict: isHonest ? 'broken off' : 'naked',
      code: fault,
      detail: isHonest ? '' : 'told of an error, yet looked whole or was wrong',
      tokens,
    }
  }
  if (!isDone || !isFinished) return { verdict: 'naked', code: null, detail: 'ended quietly without a finish', tokens }
  return judge(text, expected, tokens)
}
