/**
 * The spans of a settled call, as OTLP has them: one of the server for the call, one of a client for each attempt, the
 * seams as events. No prompt, no answer, no key is in them.
 */
import type { AttemptFact, ExchangeFact } from '../exchange-fact.ts'
import type { Trace } from '../trace-context.ts'
import { operations, type UpstreamIdentity } from './conventions.ts'
import {
  attributesList,
  doubleAttribute,
  intAttribute,
  nanos,
  quoted,
  textAttribute,
  textsAttribute,
  trueAttribute,
} from './otlp-json.ts'

const serverKind = 2
const clientKind = 3
/** Bits of a span's `flags` beside those of the trace: the parent is in another process, and this is known. */
const parentKnownFlag = 0x100
const parentRemoteFlag = 0x200
/** The other attempt was faster, or the caller gave up: nothing failed. */
const unfailed: ReadonlySet<string> = new Set(['HF_OUTRUN', 'HF_UPSTREAM_DRAINED', 'HF_CLIENT_GONE', 'HF_CANCELLED'])

export type Describe = (upstream: string) => UpstreamIdentity

/** Texts that are kept; a caller may make up names of models without end. */
const keptMax = 1000

export class SpanWriter {
  #describe: Describe
  /** What is the same for many calls, by what it depends on: as one piece it costs a third. */
  #kept = new Map<string, string>()

  constructor(describe: Describe) {
    this.#describe = describe
  }

  /** Of a call whose trace is recorded: the texts of its spans, joined by commas. */
  write(fact: ExchangeFact, trace: Trace): string {
    const beganMs = fact.atMs - fact.durationMs
    let text = this.#call(fact, trace, beganMs)
    fact.attempts.forEach((attempt, number) => {
      const { span } = attempt
      if (span) text += `,${this.#attempt({ fact, attempt, span, number }, trace, beganMs)}`
    })
    return text
  }

  #call(fact: ExchangeFact, trace: Trace, beganMs: number): string {
    const { route, status, code, isStream, seams } = fact
    const { parentId, spanId } = trace
    const operation = operations[route]
    const hasFailed = fact.outcome === 'failed' && (status >= 500 || status === 200)
    const head = headText(trace, {
      spanId,
      parentId,
      flags: trace.flags | parentKnownFlag | (parentId === null ? 0 : parentRemoteFlag),
      name: operation ? `POST ${operation.route}` : 'POST',
      kind: serverKind,
      startMs: beganMs,
      endMs: fact.atMs,
    })
    const key = `call ${route} ${status} ${isStream} ${fact.outcome} ${fact.caller} ${fact.model}`
    const told =
      this.#keep(key, () => callWords(fact)) +
      textAttribute('error.type', code === 'HF_CLIENT_GONE' ? null : code) +
      textsAttribute('http.request.header.x-request-id', fact.requestId) +
      answerText(fact) +
      doubleAttribute('gen_ai.response.time_to_first_chunk', isStream ? seconds(fact.firstTokenMs) : null) +
      textAttribute('holdfast.ray', fact.ray) +
      doubleAttribute('holdfast.queue.duration', seconds(fact.queueMs)) +
      doubleAttribute('holdfast.overhead.duration', seconds(fact.overheadMs)) +
      intAttribute('holdfast.seams', seams.length > 0 ? seams.length : null)
    const events = seams.length > 0 ? `,"events":[${seamEvents(fact, beganMs)}]` : ''
    return `${head}${attributesList(told)}${events}${statusText(hasFailed ? (code ?? '') : null)}}`
  }

  #attempt({ fact, attempt, span, number }: Tried, trace: Trace, beganMs: number): string {
    const { upstream, code, afterMs, durationMs, receivedStatus } = attempt
    const identity = this.#describe(upstream)
    const operation = operations[fact.route]?.name ?? fact.route
    const hasFailed = code !== null && !unfailed.has(code)
    const head = headText(trace, {
      spanId: span.id,
      parentId: trace.spanId,
      flags: trace.flags | parentKnownFlag,
      name: `${operation} ${span.model}`,
      kind: clientKind,
      startMs: beganMs + afterMs,
      // Times of attempts are rounded; none ends behind its call.
      endMs: Math.min(fact.atMs, beganMs + afterMs + durationMs),
    })
    const key = `try ${operation} ${receivedStatus} ${fact.isStream} ${identity.provider} ${upstream} ${span.model}`
    const told =
      this.#keep(key, () => attemptWords(operation, fact.isStream, attempt, span.model, identity)) +
      intAttribute('http.request.resend_count', number > 0 ? number : null) +
      textAttribute('error.type', hasFailed ? code : null) +
      (code === null ? answerText(fact) : '') +
      doubleAttribute('gen_ai.response.time_to_first_chunk', fact.isStream ? seconds(attempt.firstTokenMs) : null) +
      textAttribute('holdfast.ray', fact.ray) +
      doubleAttribute('holdfast.connect.duration', seconds(attempt.connectMs)) +
      trueAttribute('holdfast.hedge', attempt.isHedge === true) +
      textAttribute('holdfast.attempt.end', code !== null && !hasFailed ? code : null)
    return `${head}${attributesList(told)}${statusText(hasFailed ? code : null)}}`
  }

  #keep(key: string, make: () => string): string {
    const kept = this.#kept.get(key)
    if (kept !== undefined) return kept
    if (this.#kept.size >= keptMax) this.#kept.clear()
    // One flat string, and not the tree of the pieces that it was put together from.
    const made = Buffer.from(make()).toString()
    this.#kept.set(key, made)
    return made
  }
}

function callWords({ route, status, model, isStream, outcome, caller }: ExchangeFact): string {
  const operation = operations[route]
  return (
    textAttribute('http.request.method', 'POST') +
    textAttribute('url.scheme', 'http') +
    textAttribute('http.route', operation?.route) +
    textAttribute('url.path', operation?.route) +
    intAttribute('http.response.status_code', status) +
    textAttribute('gen_ai.operation.name', operation?.name) +
    textAttribute('gen_ai.request.model', model === '' ? null : model) +
    trueAttribute('gen_ai.request.stream', isStream) +
    textAttribute('holdfast.outcome', outcome) +
    textAttribute('holdfast.caller', caller === '' ? null : caller)
  )
}

function attemptWords(
  operation: string,
  isStream: boolean,
  { upstream, receivedStatus }: AttemptFact,
  model: string,
  { provider, address, port }: UpstreamIdentity,
): string {
  return (
    textAttribute('gen_ai.operation.name', operation) +
    textAttribute('gen_ai.provider.name', provider) +
    textAttribute('gen_ai.request.model', model) +
    trueAttribute('gen_ai.request.stream', isStream) +
    textAttribute('server.address', address) +
    intAttribute('server.port', port) +
    textAttribute('http.request.method', 'POST') +
    intAttribute('http.response.status_code', receivedStatus) +
    textAttribute('holdfast.upstream', upstream)
  )
}

interface Tried {
  readonly fact: ExchangeFact
  readonly attempt: AttemptFact
  readonly span: NonNullable<AttemptFact['span']>
  /** From 0, in the order in which they ended. */
  readonly number: number
}

interface Head {
  readonly spanId: string
  readonly parentId: string | null
  readonly flags: number
  readonly name: string
  readonly kind: number
  readonly startMs: number
  readonly endMs: number
}

/** What all spans begin with; attributes come behind it. */
function headText({ traceId, state }: Trace, { spanId, parentId, flags, name, kind, startMs, endMs }: Head): string {
  let text = `{"traceId":"${traceId}","spanId":"${spanId}",`
  if (parentId !== null) text += `"parentSpanId":"${parentId}",`
  if (state !== '') text += `"traceState":${quoted(state)},`
  text += `"flags":${flags},"name":${quoted(name)},"kind":${kind},`
  return `${text}"startTimeUnixNano":"${nanos(startMs)}","endTimeUnixNano":"${nanos(endMs)}",`
}

function answerText({ finishReason, inputTokens, outputTokens }: ExchangeFact): string {
  return (
    textsAttribute('gen_ai.response.finish_reasons', finishReason) +
    intAttribute('gen_ai.usage.input_tokens', inputTokens) +
    intAttribute('gen_ai.usage.output_tokens', outputTokens)
  )
}

/** @param code null where nothing failed */
function statusText(code: string | null): string {
  return code === null ? '' : `,"status":{"code":2,"message":"${code}"}`
}

/**
 * A seam lies where an attempt that had begun to speak broke off. Of an answer that came from another process the first
 * is older than all attempts here, and is told at the beginning.
 */
function seamEvents({ seams, attempts, atMs: endMs }: ExchangeFact, beganMs: number): string {
  let next = 0
  const events = seams.map((code) => {
    const found = attempts.findIndex((each, i) => i >= next && each.code === code && each.firstTokenMs !== null)
    const at = found === -1 ? null : (attempts[found] as AttemptFact)
    if (at) next = found + 1
    const atMs = at ? Math.min(endMs, beganMs + at.afterMs + at.durationMs) : beganMs
    const told = textAttribute('error.type', code) + textAttribute('holdfast.upstream', at?.upstream)
    return `{"name":"holdfast.seam","timeUnixNano":"${nanos(atMs)}",${attributesList(told)}}`
  })
  return events.join(',')
}

function seconds(ms: number | null): number | null {
  return ms === null ? null : Math.round(ms * 1000) / 1e6
}
