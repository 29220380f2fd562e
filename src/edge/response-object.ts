/** The response object of OpenAI's responses API while there is no finished answer: queued, in progress, stopped. */
import type { Fault } from '../fault/fault.ts'
import type { Ray } from '../fault/ray.ts'
import type { AnswerInfo, Outcome } from '../store/journal.ts'

type Fields = Record<string, unknown>

const prefix = 'resp_'

/** The id of a response whose caller is told one before any upstream has spoken. */
export function responseId(ray: Ray): string {
  return `${prefix}${ray}`
}

/** The ray in an id that `responseId` made; other ids stay as they are. */
export function rayIn(id: string): string {
  return id.startsWith(prefix) && id.includes('-') ? id.slice(prefix.length) : id
}

/** What a client gets at once for `background: true`. */
export function responseQueued(info: AnswerInfo, request: Fields): Buffer {
  return toBytes({ ...skeleton(info), ...echo(request), background: true })
}

/** `begun`: what there is so far, put together from its events; null for nothing. */
export function responseInProgress(info: AnswerInfo, begun: Buffer | null): Buffer {
  // What is not streamed shows nothing before its end; that it waits is said of a stream only.
  const status = begun || !info.isStream ? 'in_progress' : 'queued'
  return toBytes({ ...skeleton(info), ...read(begun), status })
}

/** It was cancelled, or failed for the reason `fault`, null when that is not known. */
export function responseStopped(
  info: AnswerInfo,
  outcome: Outcome | null,
  begun: Buffer | null,
  fault: Fault | null,
): Buffer {
  const whole = { ...skeleton(info), ...read(begun) }
  if (outcome === 'cancelled') return toBytes({ ...whole, status: 'cancelled', error: null })
  const error = fault
    ? { code: fault.kind.openai[1], message: fault.told, cause: fault.code }
    : { code: 'server_error', message: 'The answer failed.' }
  return toBytes({ ...whole, status: 'failed', error })
}

function skeleton({ ray, model, beganMs }: AnswerInfo): Fields {
  return {
    id: responseId(ray),
    object: 'response',
    created_at: Math.floor(beganMs / 1000),
    status: 'queued',
    error: null,
    incomplete_details: null,
    model,
    output: [],
    usage: null,
  }
}

/** Fields of the request that the object says again. */
function echo(request: Fields): Fields {
  const names = ['instructions', 'metadata', 'max_output_tokens', 'temperature', 'top_p', 'tools', 'tool_choice']
  return Object.fromEntries(names.filter((name) => request[name] !== undefined).map((name) => [name, request[name]]))
}

function read(begun: Buffer | null): Fields {
  return begun ? (JSON.parse(begun.toString()) as Fields) : {}
}

function toBytes(value: Fields): Buffer {
  return Buffer.from(JSON.stringify(value))
}
