/** What every failure that a caller is told of must bear: a ray, a code of the table, advice. */
import { type FaultCode, faultKind, faultKinds } from '../../../src/fault/code.ts'
import { parseRay } from '../../../src/fault/ray.ts'
import type { Heard } from './hear.ts'

export interface Failure {
  /** What was asked, e.g. `chat stream` or `admin`. */
  readonly what: string
  /** `event`: in a stream, or in an object, that had begun well. */
  readonly where: 'status' | 'event'
  readonly status: number
  readonly ray: string
  readonly code: string
  /** What it lacks; empty where all is well. */
  readonly lacks: readonly string[]
}

/** Refusals for want of room: a caller must be told when to come back. */
const comeBack: ReadonlySet<string> = new Set<FaultCode>([
  ...(['HF_QUEUE_FULL', 'HF_OVERLOADED', 'HF_QUEUE_TIMEOUT', 'HF_DEADLINE_TOO_SHORT', 'HF_PRESSURE'] as const),
  ...(['HF_CLOSING', 'HF_JOURNAL_FULL', 'HF_UPSTREAM_BUSY', 'HF_UPSTREAM_RATE_LIMITED', 'HF_STREAM_BUSY'] as const),
])

/** The failures in one answer: of its status, or of the events in it. */
export function judge(what: string, heard: Heard): Failure[] {
  if (heard.status >= 400) return [judgeStatus(what, heard)]
  if (heard.status !== 200) return []
  return errorsIn(heard).map((error) => judgeEvent(what, heard, error))
}

type Fields = Readonly<Record<string, unknown>>

function judgeStatus(what: string, { status, headers, body }: Heard): Failure {
  const { 'holdfast-ray': ray = '', 'proxy-status': proxyStatus = '', 'x-should-retry': advice = '' } = headers
  const code = /details="(HF_\w+)"/.exec(proxyStatus)?.[1] ?? ''
  const lacks: string[] = []
  const need = (isSo: boolean, words: string): void => void (isSo || lacks.push(words))
  need(parseRay(ray) !== null, 'a ray in the head')
  need(Object.hasOwn(faultKinds, code), 'a code of the table in the head')
  need(advice === 'true' || advice === 'false', 'x-should-retry')
  needWhen(code, headers['retry-after'], need)
  if (advice === 'false') need(headers['retry-after'] === undefined, 'consistent advice: a time for what is not to be')
  if (what.startsWith('HEAD')) return { what, where: 'status', status, ray, code, lacks }
  if (headers['content-type']?.startsWith('text/html')) {
    need(body.includes(ray) && body.includes(code), 'ray and code on the page')
    need(/[Tt]ry(ing)? again|look it up/.test(body), 'advice on the page')
  } else if (body !== '') {
    const told = read(body)
    const ours = fieldsOf(told['error']) ?? told
    need(ours['ray'] === ray || ours['ray_id'] === ray, 'the same ray in the body')
    need(ours['cause'] === code || ours['error_code'] === code, 'the same code in the body')
    need(ours['retryable'] === (advice === 'true'), 'the same advice in the body')
    const words = ours['message'] ?? ours['detail'] ?? told['error']
    need(typeof words === 'string' && words !== '', 'words')
  } else need(false, 'a body')
  return { what, where: 'status', status, ray, code, lacks }
}

function judgeEvent(what: string, { status }: Heard, error: Fields): Failure {
  const { ray, cause, retryable } = error
  const lacks: string[] = []
  const need = (isSo: boolean, words: string): void => void (isSo || lacks.push(words))
  need(typeof ray === 'string' && parseRay(ray) !== null, 'a ray in the event')
  need(typeof cause === 'string' && Object.hasOwn(faultKinds, cause), 'a code of the table in the event')
  need(typeof retryable === 'boolean', 'retryable')
  need(typeof error['message'] === 'string' && error['message'] !== '', 'words')
  return { what, where: 'event', status, ray: String(ray), code: String(cause), lacks }
}

function needWhen(code: string, told: string | undefined, need: (isSo: boolean, words: string) => void): void {
  if (told !== undefined) need(Number(told) >= 1 && Number(told) <= 60, `a sensible retry-after, not ${told}`)
  if (comeBack.has(code) && faultKind(code as FaultCode).shouldCallerRetry) need(told !== undefined, 'retry-after')
}

/** Errors in the events of a stream, and in an object that says that it has failed. */
function errorsIn({ headers, body }: Heard): Fields[] {
  if (!headers['content-type']?.startsWith('text/event-stream')) {
    const whole = read(body)
    const error = whole['status'] === 'failed' ? fieldsOf(whole['error']) : null
    return error ? [error] : []
  }
  return body.split('\n').flatMap((line) => {
    if (!line.startsWith('data:')) return []
    const event = read(line.slice(5))
    if (event['type'] === 'error') return [fieldsOf(event['error']) ?? event]
    const failed = fieldsOf(fieldsOf(event['response'])?.['error'])
    return [fieldsOf(event['error']) ?? failed].filter((error) => error !== null)
  })
}

function read(text: string): Fields {
  try {
    return fieldsOf(JSON.parse(text)) ?? {}
  } catch {
    return {}
  }
}

function fieldsOf(value: unknown): Fields | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : null
}
