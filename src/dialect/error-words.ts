/**
 * What a model server says when it says no: one reading of the many shapes in which servers spell an error.
 * Used for answers, for streams, and when the words are passed on to the caller.
 */
import { isFields, type Fields } from './field.ts'

export interface ErrorWords {
  readonly message: string
  readonly type: string | null
  readonly code: string | null
  readonly param: string | null
}

function text(value: unknown): string | null {
  if (typeof value === 'number') return String(value)
  return typeof value === 'string' && value !== '' ? value : null
}

/** True for a JSON value that is an error and nothing else, whatever the HTTP status said. */
export function isErrorValue(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0 && isErrorValue(value[0])
  if (!isFields(value)) return false
  return (
    value['object'] === 'error' ||
    value['type'] === 'error' ||
    isFields(value['error']) ||
    text(value['error']) !== null
  )
}

/**
 * Reads the words out of a parsed error body, or gives null when there are none.
 * Known shapes: OpenAI and most others `{error:{message,type,param,code}}`, Anthropic
 * `{type:'error',error:{type,message}}`, Responses events `{type:'error',message,code}`, vLLM of old
 * `{object:'error',message}`, Ollama and TGI `{error:'…'}`, FastAPI `{detail:'…'}` and `{detail:[{loc,msg}]}`, Google
 * `[{error:{…}}]`.
 */
export function readErrorWords(value: unknown): ErrorWords | null {
  if (Array.isArray(value)) return value.length > 0 ? readErrorWords(value[0]) : null
  if (!isFields(value)) return null
  const { error, detail } = value
  if (isFields(error)) return spelled(error)
  const plain = text(error)
  if (plain !== null) return { message: plain, type: text(value['error_type']), code: text(value['code']), param: null }
  if (text(value['message']) !== null) return spelled(value)
  if (Array.isArray(detail)) return validation(detail)
  const message = text(detail)
  return message === null ? null : { message, type: null, code: null, param: null }
}

function spelled(error: Fields): ErrorWords {
  const type = text(error['type']) ?? text(error['status'])
  const code = text(error['code'])
  return {
    message: text(error['message']) ?? text(error['detail']) ?? code ?? type ?? 'no message',
    type: type === 'error' ? null : type,
    code,
    param: text(error['param']),
  }
}

/** At most this many complaints of a validator are told. */
const complaintsMax = 5

function validation(detail: readonly unknown[]): ErrorWords | null {
  const complaints = detail.filter(isFields).slice(0, complaintsMax)
  const [first] = complaints
  if (!first) return null
  const place = ({ loc }: Fields): string => (Array.isArray(loc) ? loc.filter((part) => part !== 'body').join('.') : '')
  const message = complaints
    .map((complaint) => `${place(complaint) || 'body'}: ${text(complaint['msg']) ?? 'invalid'}`)
    .join('; ')
  return { message, type: 'invalid_request_error', code: null, param: place(first) || null }
}
