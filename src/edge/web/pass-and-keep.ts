/** Passes an answer on to its reader and keeps it, before the reader has its end: so the next one finds it. */
import { isKnown, validatorsOf } from '../../cache/validators.ts'
import type { AppAnswer } from '../../relay/wire/app-link.ts'
import type { AppCall } from './app-call.ts'
import type { Filling } from './filling.ts'
import type { WebAnswer } from './web.ts'

export interface Keeping {
  readonly filling: Filling
  readonly keep: (body: Buffer) => void
  readonly more: readonly string[]
  readonly nowMs: number
}

/** Resolves when the answer is over, for the reader or for the cache. @returns the status sent */
export async function passAndKeep(call: AppCall, answer: AppAnswer, keeping: Keeping): Promise<number> {
  const { filling, more, nowMs } = keeping
  const { response } = call.visit
  const headers = [...call.answerFields(answer), ...more]
  const validators = validatorsOf(answer.headers, nowMs)
  // The application was asked for the whole, for us; the reader has it already.
  const isKnownHere = answer.status === 200 && isKnown(call.fields, validators, nowMs)
  const status = isKnownHere ? 304 : answer.status
  response.writeHead(status, isKnownHere ? withoutLength(headers) : headers)
  if (isKnownHere) response.end()
  try {
    for await (const piece of answer.body as AsyncIterable<Buffer>) {
      filling.add(piece)
      if (response.destroyed && !filling.isOn) break
      const isFull = !isKnownHere && !response.destroyed && !response.write(piece)
      // While it is kept it is in memory in any case; a slow reader holds up nobody who waits for the same.
      if (isFull && !filling.isOn) await drained(response)
    }
    const body = answer.body.complete ? filling.whole() : null
    if (body) keeping.keep(body)
    if (!isKnownHere) response.end()
  } catch {
    // It broke off: so does what the reader gets, that nobody takes a part for the whole.
    response.destroy()
  }
  return status
}

function withoutLength(headers: readonly string[]): string[] {
  return headers.filter(
    (_, i) => !/^(?:content-length|content-type|content-encoding)$/i.test(headers[i - (i % 2)] ?? ''),
  )
}

/** Resolves when the reader takes more, or has gone. */
function drained(response: WebAnswer): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done)
      response.off('close', done)
      resolve()
    }
    response.on('drain', done)
    response.on('close', done)
  })
}
