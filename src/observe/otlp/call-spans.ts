/**
 * The spans of a settled call, as OTLP has them: one of the server for the call, one of a client for each attempt, the
 * seams as events. No prompt, no answer, no key is in them.
 */
import type { AttemptFact, ExchangeFact } from '../exchange-fact.ts'
import type { Trace } from '../trace-context.ts'
import { operations, type UpstreamIdentity } from './conventions.ts'
import { attributes, Int, nanos } from './otlp-json.ts'

const serverKind = 2
const clientKind = 3
const errorStatus = 2
/** Bits of a span's `flags` beside those of the trace: the parent is in another process, and this is known. */
const parentKnownFlag = 0x100
const parentRemoteFlag = 0x200
/** The other attempt was faster, or the caller gave up: nothing failed. */
const unfailed: ReadonlySet<string> = new Set(['HF_OUTRUN', 'HF_CLIENT_GONE', 'HF_CANCELLED'])

export type Describe = (upstream: string) => UpstreamIdentity

/** Of a call whose trace is recorded: the texts of its spans, joined by commas. */
export function callSpans(fact: ExchangeFact, trace: Trace, describe: Describe): string {
  const beganMs = fact.atMs - fact.durationMs
  let text = JSON.stringify(callSpan(fact, trace, beganMs))
  fact.attempts.forEach((attempt, i) => {
    if (attempt.span)
      text += `,${JSON.stringify(attemptSpan({ fact, attempt, id: attempt.span.id, number: i }, trace, beganMs, describe))}`
  })
  return text
}

function callSpan(fact: ExchangeFact, trace: Trace, beganMs: number): object {
  const { route, status, code } = fact
  const operation = operations[route]
  const hasFailed = fact.outcome === 'failed' && (status >= 500 || status === 200)
  return {
    traceId: trace.traceId,
    spanId: trace.spanId,
    ...(trace.parentId !== null && { parentSpanId: trace.parentId }),
    ...(trace.state !== '' && { traceState: trace.state }),
    flags: trace.flags | parentKnownFlag | (trace.parentId === null ? 0 : parentRemoteFlag),
    name: operation ? `POST ${operation.route}` : 'POST',
    kind: serverKind,
    startTimeUnixNano: nanos(beganMs),
    endTimeUnixNano: nanos(fact.atMs),
    attributes: attributes({
      'http.request.method': 'POST',
      'url.scheme': 'http',
      'http.route': operation?.route,
      'url.path': operation?.route,
      'http.response.status_code': new Int(status),
      'http.request.header.x-request-id': fact.requestId === null ? null : [fact.requestId],
      'error.type': code === 'HF_CLIENT_GONE' ? null : code,
      'gen_ai.operation.name': operation?.name,
      'gen_ai.request.model': fact.model === '' ? null : fact.model,
      'gen_ai.request.stream': fact.isStream ? true : null,
      ...answerAttributes(fact),
      'gen_ai.response.time_to_first_chunk': fact.isStream ? seconds(fact.firstTokenMs) : null,
      'holdfast.ray': fact.ray,
      'holdfast.outcome': fact.outcome,
      'holdfast.caller': fact.caller === '' ? null : fact.caller,
      'holdfast.queue.duration': seconds(fact.queueMs),
      'holdfast.overhead.duration': seconds(fact.overheadMs),
      'holdfast.seams': fact.seams.length > 0 ? new Int(fact.seams.length) : null,
    }),
    events: seamEvents(fact, beganMs),
    ...(hasFailed && { status: { code: errorStatus, message: code ?? '' } }),
  }
}

interface Tried {
  readonly fact: ExchangeFact
  readonly attempt: AttemptFact
  readonly id: string
  /** From 0, in the order in which they ended. */
  readonly number: number
}

function attemptSpan({ fact, attempt, id, number }: Tried, trace: Trace, beganMs: number, describe: Describe): object {
  const { upstream, code, afterMs, durationMs } = attempt
  const { provider, address, port } = describe(upstream)
  const operation = operations[fact.route]?.name ?? fact.route
  const model = attempt.span?.model ?? fact.model
  const hasFailed = code !== null && !unfailed.has(code)
  return {
    traceId: trace.traceId,
    spanId: id,
    parentSpanId: trace.spanId,
    ...(trace.state !== '' && { traceState: trace.state }),
    flags: trace.flags | parentKnownFlag,
    name: `${operation} ${model}`,
    kind: clientKind,
    startTimeUnixNano: nanos(beganMs + afterMs),
    endTimeUnixNano: nanos(beganMs + afterMs + durationMs),
    attributes: attributes({
      'gen_ai.operation.name': operation,
      'gen_ai.provider.name': provider,
      'gen_ai.request.model': model,
      'gen_ai.request.stream': fact.isStream ? true : null,
      'server.address': address,
      'server.port': new Int(port),
      'http.request.method': 'POST',
      'http.request.resend_count': number > 0 ? new Int(number) : null,
      'http.response.status_code': attempt.receivedStatus === null ? null : new Int(attempt.receivedStatus),
      'error.type': hasFailed ? code : null,
      ...(code === null && answerAttributes(fact)),
      'gen_ai.response.time_to_first_chunk': fact.isStream ? seconds(attempt.firstTokenMs) : null,
      'holdfast.ray': fact.ray,
      'holdfast.upstream': upstream,
      'holdfast.connect.duration': seconds(attempt.connectMs),
      'holdfast.hedge': attempt.isHedge ? true : null,
      'holdfast.attempt.end': code !== null && !hasFailed ? code : null,
    }),
    ...(hasFailed && { status: { code: errorStatus, message: code } }),
  }
}

function answerAttributes({ finishReason, inputTokens, outputTokens }: ExchangeFact): Parameters<typeof attributes>[0] {
  return {
    'gen_ai.response.finish_reasons': finishReason === null ? null : [finishReason],
    'gen_ai.usage.input_tokens': inputTokens === null ? null : new Int(inputTokens),
    'gen_ai.usage.output_tokens': outputTokens === null ? null : new Int(outputTokens),
  }
}

/**
 * A seam lies where an attempt that had begun to speak broke off. Of an answer that came from another process the first
 * is older than all attempts here, and is told at the beginning.
 */
function seamEvents({ seams, attempts }: ExchangeFact, beganMs: number): object[] {
  let next = 0
  return seams.map((code) => {
    const found = attempts.findIndex((each, i) => i >= next && each.code === code && each.firstTokenMs !== null)
    const at = found === -1 ? null : (attempts[found] as AttemptFact)
    if (at) next = found + 1
    return {
      name: 'holdfast.seam',
      timeUnixNano: nanos(beganMs + (at ? at.afterMs + at.durationMs : 0)),
      attributes: attributes({ 'error.type': code, 'holdfast.upstream': at?.upstream }),
    }
  })
}

function seconds(ms: number | null): number | null {
  return ms === null ? null : Math.round(ms * 1000) / 1e6
}
