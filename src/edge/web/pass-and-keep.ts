/** Passes an answer on to its reader and keeps it, before the reader has its end: so the next one finds it. */
import { valueOf } from '../../cache/header-list.ts'
import { isKnown, validatorsOf } from '../../cache/validators.ts'
import type { AppAnswer } from '../../relay/wire/app-link.ts'
import type { AppCall } from './app-call.ts'
import type { Sink } from './coded-stream.ts'
import type { Filling } from './filling.ts'

export interface Keeping {
  readonly filling: Filling
  readonly keep: (body: Buffer) => Promise<void>
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
  const coded = isKnownHere ? { headers: withoutLength(headers), sink: response } : call.coded(answer, headers)
  const { sink } = coded
  response.writeHead(status, coded.headers)
  if (isKnownHere) response.end()
  // With a length told, the reader has the end with the last byte: that waits until the answer is kept.
  let leftBytes = Number(valueOf(answer.headers, 'content-length') ?? Number.POSITIVE_INFINITY)
  let last: Buffer | undefined
  try {
    for await (const piece of answer.body as AsyncIterable<Buffer>) {
      filling.add(piece)
      leftBytes -= piece.length
      if (response.destroyed && !filling.isOn) break
      if (leftBytes === 0 && !isKnownHere) {
        last = piece
        continue
      }
      const isFull = !isKnownHere && !response.destroyed && !sink.write(piece)
      // While it is kept it is in memory in any case; a slow reader holds up nobody who waits for the same.
      if (isFull && !filling.isOn) await drained(sink)
    }
    const body = answer.body.complete ? filling.whole() : null
    if (body) await keeping.keep(body)
    if (!isKnownHere) sink.end(last)
  } catch {
    // It broke off: so does what the reader gets, that nobody takes a part for the whole.
    sink.destroy()
  }
  return status
}

function withoutLength(headers: readonly string[]): string[] {
  return headers.filter(
    (_, i) => !/^(?:content-length|content-type|content-encoding)$/i.test(headers[i - (i % 2)] ?? ''),
  )
}

/** Resolves when the reader takes more, or has gone. */
function drained(response: Sink): Promise<void> {
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
