/** The paths under which an answer is read again, cancelled and deleted. */
import type { Route } from '../dialect/call.ts'
import { Fault } from '../fault/fault.ts'
import { percentDecoded } from '../ground/percent-decoded.ts'

/** One answer, named by the path of a request. */
export interface AnswerPath {
  /** The route whose answers live here; null for `/v1/answers`, where all do. */
  readonly route: Route | null
  /** A ray, or the id that the answer itself bears. */
  readonly id: string
  readonly isCancel: boolean
}

const shape = /^\/v1\/(answers|responses|chat\/completions|completions|messages)\/([^/]+)(\/cancel)?$/
const routes: Readonly<Record<string, Route>> = {
  responses: 'responses',
  'chat/completions': 'chat',
  completions: 'completions',
  messages: 'messages',
}

/** Null for any other path. @throws {Fault} HF_BAD_HTTP */
export function readAnswerPath(path: string): AnswerPath | null {
  const [, room = '', id = '', cancel] = shape.exec(path) ?? []
  if (id === '') return null
  return { route: routes[room] ?? null, id: decode(id), isCancel: cancel !== undefined }
}

/** @throws {Fault} HF_BAD_HTTP */
export function decode(text: string): string {
  const decoded = percentDecoded(text)
  if (decoded === null) throw new Fault('HF_BAD_HTTP', { detail: 'the path is not properly percent-encoded' })
  return decoded
}

/**
 * Where a reader wants to go on: the number of the last event it has, -1 for none, null when it does not say. The
 * header wins: an EventSource that was opened with a cursor in its URL comes back with both, and the header is the
 * newer. @throws {Fault} HF_CURSOR_INVALID
 */
export function readCursor(query: URLSearchParams, lastEventId: string | undefined): number | null {
  const text = lastEventId || (query.get('after') ?? query.get('starting_after'))
  if (text === null) return null
  if (!/^(-1|0|[1-9]\d{0,14})$/.test(text))
    throw new Fault('HF_CURSOR_INVALID', { param: 'after', detail: 'a whole number, or -1 for the beginning' })
  return Number(text)
}
