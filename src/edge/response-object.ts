/** The response object of OpenAI's responses API while there is no finished answer: queued, in progress, stopped. */
import type { Fault } from '../fault/fault.ts'
import type { AnswerInfo } from '../store/journal.ts'

type Fields = Record<string, unknown>

/** What a client gets at once for `background: true`. */
export function responseQueued(info: AnswerInfo, id: string, request: Fields): Buffer {
  return toBytes({ ...skeleton(info, id), ...echo(request), background: true, status: 'queued' })
}

/** `begun`: what there is so far, put together from its events; null for nothing. */
export function responseInProgress(info: AnswerInfo, id: string, begun: Buffer | null): Buffer {
  return toBytes({ ...skeleton(info, id), ...read(begun), id, status: begun ? 'in_progress' : 'queued' })
}

/** It was cancelled (`fault` HF_CANCELLED) or failed. */
export function responseStopped(info: AnswerInfo, id: string, begun: Buffer | null, fault: Fault | null): Buffer {
  const isCancelled = fault?.code === 'HF_CANCELLED' || fault?.code === 'HF_CLIENT_GONE'
  const error = fault && !isCancelled ? { code: fault.kind.openai[1], message: fault.told, cause: fault.code } : null
  return toBytes({
    ...skeleton(info, id),
    ...read(begun),
    id,
    status: isCancelled ? 'cancelled' : 'failed',
    error: isCancelled ? null : (error ?? { code: 'server_error', message: 'The answer failed.' }),
  })
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
