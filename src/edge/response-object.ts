/** The response object of OpenAI's responses API while there is no finished answer: queued, in progress, stopped. */
import type { Fault } from '../fault/fault.ts'
import { parseRay, type Ray } from '../fault/ray.ts'
import type { AnswerInfo, Outcome } from '../store/journal.ts'

type Fields = Record<string, unknown>

/** Not `resp_` alone: vLLM makes its ids of our rays. */
const prefix = 'resp_bg_'

/** The id of a response whose caller is told one before any upstream has spoken. */
export function responseId(ray: Ray): string {
  return `${prefix}${ray}`
}

/** The ray in an id that `responseId` made; other ids stay as they are. */
export function rayIn(id: string): string {
  const ray = id.slice(prefix.length)
  return id.startsWith(prefix) && parseRay(ray) ? ray : id
}

/** What a client gets at once for `background: true`. */
export function responseQueued(info: AnswerInfo, request: Fields): Buffer {
  return toBytes({ ...skeleton(info, responseId(info.ray)), ...echo(request), background: true })
}

/** `whole`: put together from its events. */
export function responseEnded(info: AnswerInfo, whole: Buffer): Buffer {
  return toBytes(asAsked(info, read(whole)))
}

/** `begun`: what there is so far, put together from its events; null for nothing. `id`: as it was asked for by. */
export function responseInProgress(info: AnswerInfo, id: string, begun: Buffer | null): Buffer {
  // What is not streamed shows nothing before its end; that it waits is said of a stream only.
  const status = begun || !info.isStream ? 'in_progress' : 'queued'
  return toBytes(asAsked(info, { ...skeleton(info, id), ...read(begun), status }))
}

/** It was cancelled, or failed for the reason `fault`, null when that is not known. */
export function responseStopped(
  info: AnswerInfo,
  id: string,
  outcome: Outcome | null,
  begun: Buffer | null,
  fault: Fault | null,
): Buffer {
  const whole = asAsked(info, { ...skeleton(info, id), ...read(begun) })
  if (outcome === 'cancelled') return toBytes({ ...whole, status: 'cancelled', error: null })
  const error = fault
    ? { code: fault.kind.openai[1], message: fault.told, ...oursOf(fault), ray: info.ray }
    : { code: 'server_error', message: 'The answer failed.', ray: info.ray }
  return toBytes({ ...whole, status: 'failed', error })
}

/** As every error of ours has it. */
function oursOf({ code, kind }: Fault): Fields {
  return { cause: code, retryable: kind.shouldCallerRetry }
}

function skeleton({ model, beganMs }: AnswerInfo, id: string): Fields {
  return {
    id,
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

/** An upstream does not know that it works in the background; only such an answer bears an id of ours. */
function asAsked({ ray }: AnswerInfo, response: Fields): Fields {
  return response['id'] === responseId(ray) ? { ...response, background: true } : response
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
