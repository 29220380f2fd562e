/** The languages of models: what callers ask, and what model servers answer, whole and in events. */
import { type Call, type Family, type Route, routeNames, routes } from '../../../src/dialect/call.ts'
import { errorBody, errorEvent } from '../../../src/dialect/error-body.ts'
import { isErrorEvent, readErrorEvent } from '../../../src/dialect/error-event.ts'
import { JsonBody } from '../../../src/dialect/json-body.ts'
import { meaningOf } from '../../../src/dialect/meaning/call-meaning.ts'
import { readCall } from '../../../src/dialect/read-call.ts'
import { readAside } from '../../../src/dialect/seam/aside.ts'
import { ladder } from '../../../src/dialect/seam/ladder.ts'
import { openLeg } from '../../../src/dialect/seam/leg.ts'
import { type KeptEvent, readPartial } from '../../../src/dialect/seam/partial-answer.ts'
import { type LegFacts, rungNames } from '../../../src/dialect/seam/rung.ts'
import { SseSplitter } from '../../../src/dialect/sse-splitter.ts'
import { translate } from '../../../src/dialect/translate.ts'
import type { Translation } from '../../../src/dialect/translation.ts'
import { readUpstreamError } from '../../../src/dialect/upstream-error.ts'
import { Fault } from '../../../src/fault/fault.ts'
import { pieces } from '../pieces.ts'
import { must, type Target } from '../target.ts'
import { answers, calls, streams, words } from './language-seeds.ts'

const ray = '06c8m0dfk2h3vd4zq7k1hb00-ams'

/** Every way from a caller's language to an upstream's that there is. */
const ways: readonly (readonly [caller: Route, upstream: Route])[] = [
  ...routeNames.map((route) => [route, route] as const),
  ...([
    ['chat', 'messages'],
    ['messages', 'chat'],
    ['responses', 'chat'],
  ] as const),
]

const factsOf = (spoken: Route, kind = 'compatible'): LegFacts => ({
  ...{ upstream: 'second', kind, speaks: new Set([spoken]), model: 'n', isSameModel: true, rungs: new Set(rungNames) },
})

function parsed(bytes: Buffer, what: string): unknown {
  try {
    return JSON.parse(bytes.toString())
  } catch (error) {
    must(false, `${what} is no JSON: ${String(error)}`)
    throw error
  }
}

/** A call, read; and put into every language there is. */
const asked = (route: Route): Target => ({
  name: `dialect/call-${route}`,
  seeds: calls[route],
  words,
  run(bytes) {
    const call = readCall(route, bytes, {})
    const own = parsed(bytes, 'a call that was taken')
    must(typeof own === 'object' && own !== null && (own as { model?: unknown }).model === call.model, 'another model')
    meaningOf(call, false, true)
    meaningOf(call, true, false)
    let told = ''
    for (const [, upstream] of ways.filter(([caller]) => caller === route)) {
      for (const wantsTokenIds of [false, true]) {
        const translation = tried(() => translate(call, new Set([upstream]), 'other-model', { wantsTokenIds }))
        if (translation instanceof Fault) told += translation.code + (translation.detail ?? '').slice(0, 60)
        if (!translation || translation instanceof Fault) continue
        const body = parsed(Buffer.concat(translation.body), 'the translation') as { model?: unknown }
        must(body.model === 'other-model', `the model is ${String(body.model)}`)
      }
    }
    return `${call.isStream} ${call.outputTokensMax === null} ${told.replace(/\d+/g, '#')}`
  },
})

function tried<T>(run: () => T): T | Fault {
  try {
    return run()
  } catch (thrown) {
    if (thrown instanceof Fault && thrown.code !== 'HF_INTERNAL') return thrown
    throw thrown
  }
}

interface Heard {
  readonly events: KeptEvent[]
  readonly told: string
  readonly isComplete: boolean
}

function hear(translation: Translation, parts: readonly Buffer[]): Heard {
  const events: KeptEvent[] = []
  const reader = translation.streamReader((event, aside) => events.push({ event, aside: aside ?? null }))
  const splitter = new SseSplitter((event) => reader.read(Buffer.from(event)))
  for (const part of parts) splitter.push(part)
  reader.end()
  const { hasContent, isComplete, isEnded, failure, malformedCount, finishReason } = reader
  must(!isComplete || failure !== null || finishReason !== null, 'whole without a reason')
  const flags = [hasContent, isComplete, isEnded, failure?.code, malformedCount > 0, finishReason?.slice(0, 20)]
  return { events, told: flags.join(' '), isComplete: isComplete && failure === null }
}

function checkEvents(route: Route, { events }: Heard): void {
  for (const { event, aside } of events) {
    const text = event.toString('latin1')
    must(/\n\r?\n$/.test(text), 'an event without its blank line')
    must(!/\n\r?\n./s.test(text), 'a blank line in an event')
    readAside(aside)
    isErrorEvent(event)
  }
  must(routes[route] !== undefined, 'a route')
}

/** An answer in events; and a second upstream that goes on where it broke off, at every rung. */
const streamed = (caller: Route, upstream: Route): Target => {
  const call = readCall(caller, Buffer.from(calls[caller][0] as string), {})
  const translation = translate(call, new Set([upstream]), 'n', { wantsTokenIds: true })
  must(translation !== null, 'no way')
  return {
    name: `dialect/stream-${caller}-${upstream}`,
    seeds: streams[upstream],
    words,
    run(bytes) {
      const whole = hear(translation, [bytes])
      const cut = hear(translation, pieces(bytes))
      const text = ({ events }: Heard): string => Buffer.concat(events.map(({ event }) => event)).toString('latin1')
      must(text(whole) === text(cut) && whole.told === cut.told, 'cut elsewhere, another answer')
      checkEvents(caller, whole)
      if (whole.isComplete)
        must(
          readPartial(caller, whole.events).finish !== null,
          'it is taken for whole, and the caller is told no finish',
        )
      return `${whole.told} ${continued(call, upstream, whole.events, bytes)}`
    },
  }
}

function continued(call: Call, upstream: Route, events: readonly KeptEvent[], bytes: Buffer): string {
  const partial = readPartial(call.route, events.slice(0, 1 + (events.length >> 1)))
  let told = `${partial.parts.length} ${partial.finish !== null}`
  for (const kind of ['vllm', 'anthropic']) {
    const facts = factsOf(upstream, kind)
    for (const rung of ladder(call, partial, facts)) {
      const leg = tried(() => openLeg(call, partial, rung, facts, { wantsTokenIds: true, marksSeams: true }))
      if (!leg || leg instanceof Fault) continue
      parsed(Buffer.concat(leg.body), 'what is asked of the second')
      const heard = hear(leg, [bytes])
      checkEvents(call.route, heard)
      told += ` ${rung.name}: ${heard.told}`
    }
  }
  return told
}

/** An answer in one piece. */
const whole = (caller: Route, upstream: Route): Target => {
  const call = readCall(caller, Buffer.from(calls[caller].at(-1) as string), {})
  const translation = translate(call, new Set([upstream]), 'n')
  must(translation !== null, 'no way')
  return {
    name: `dialect/answer-${caller}-${upstream}`,
    seeds: answers[upstream],
    words,
    bytesMax: 40 * 1024, // beyond 32 KiB another reader reads
    run(bytes) {
      const { body, usage, finishReason } = translation.readWhole(bytes)
      const value = parsed(body, 'the answer')
      must(typeof value === 'object' && value !== null, 'the answer is no object')
      for (const count of Object.values(usage ?? {}))
        must(Number.isFinite(count) && (count as number) >= 0, `a count of ${String(count)} tokens`)
      return `${finishReason?.slice(0, 20)} ${Object.keys(usage ?? {}).join()}`
    },
  }
}

const refusals: Target = {
  name: 'dialect/upstream-error',
  seeds: [
    '{"error":{"message":"no","type":"invalid_request_error","param":"x","code":"context_length_exceeded"}}',
    '{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}',
    '{"detail":[{"loc":["body","messages",0],"msg":"field required","type":"missing"}]}',
    '{"object":"error","message":"The model `x` does not exist.","type":"NotFoundError","code":404}',
    '{"error":"model \'x\' not found"}',
    '<html><head><title>502 Bad Gateway</title></head></html>',
    'upstream connect error',
    '[{"error":{"code":400,"message":"API key not valid","status":"INVALID_ARGUMENT"}}]',
  ],
  words: [
    '"error":',
    '"message":',
    '"detail":',
    '"loc":',
    '"msg":',
    '<title>',
    '</title>',
    '<',
    'insufficient_quota',
    '"code":',
  ],
  run(bytes) {
    let told = ''
    for (const family of ['openai', 'anthropic'] as const satisfies Family[]) {
      for (const status of [400, 401, 404, 413, 429, 500, 503, 529, 302]) {
        const headers = { 'retry-after': bytes.toString('latin1', 0, 40), 'content-type': 'application/json' }
        const fault = readUpstreamError(status, headers, bytes, family, 1_800_000_000_000)
        must(fault.code !== 'HF_INTERNAL', 'an internal fault')
        must(fault.detail.length < 20_000, `${fault.detail.length} characters of detail`)
        const { retryAfterMs } = fault
        must(retryAfterMs === undefined || (retryAfterMs >= 0 && Number.isFinite(retryAfterMs)), 'a wait')
        parsed(errorBody(fault, ray, family), 'the body of an error')
        const event = errorEvent(fault, ray, family === 'openai' ? 'chat' : 'messages').toString('latin1')
        must(!/\n\r?\n./s.test(event), 'a blank line in an error event')
        told += fault.code
      }
    }
    return told
  },
}

const errorEvents: Target = {
  name: 'dialect/error-event',
  seeds: [
    'event: error\ndata: {"type":"error","error":{"type":"api_error","message":"x"}}',
    'data: {"error":{"message":"x"}}',
  ],
  words: ['event: error\n', 'data: ', '"error":', '\n'],
  run: (bytes) => `${isErrorEvent(bytes)} ${readErrorEvent(bytes).code}`,
}

/** The bytes are looked at by one reader and built by another: they may not disagree. */
const jsonBody: Target = {
  name: 'dialect/json-body',
  seeds: [
    '{"model":"m","stream":true,"a":[1,-2.5e3,"\\u00e9",null]}',
    '{ "mod\\u0065l" : "x" }',
    '{"a":{"b":[[[]]]}}',
    '{}',
  ],
  words: ['"model":', '"stream":', '\\u006d', '\\', '"', '1e5', '-', 'tru', '\\ud83d\\ude00'],
  run(bytes) {
    let value: unknown
    try {
      value = JSON.parse(bytes.toString())
    } catch {
      value = undefined
    }
    const body = tried(() => JsonBody.parse(bytes, { uniqueFields: [], depthMax: 64 }))
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    if (body instanceof Fault) {
      const isLimit = /nesting|at most|UTF-8|byte order/.test(body.detail)
      must(isLimit || !isObject, `refused, but it is JSON: ${body.detail}`)
      throw body
    }
    must(isObject, 'taken, but it is no object')
    const changed = parsed(Buffer.concat(body.with({ model: '"new"', stream: undefined })), 'with changes')
    const expected = { ...(value as object), model: 'new' } as Record<string, unknown>
    delete expected['stream']
    const same = JSON.stringify(sorted(changed)) === JSON.stringify(sorted(expected))
    must(same, 'the change changes something else')
    return Object.keys(expected).length
  },
}

function sorted(value: unknown): unknown {
  return Object.entries(value as object).toSorted(([a], [b]) => (a < b ? -1 : 1))
}

export const dialectTargets: readonly Target[] = [
  ...routeNames.map(asked),
  ...ways.map(([caller, upstream]) => whole(caller, upstream)),
  ...ways
    .filter(([, upstream]) => streams[upstream].length > 0)
    .map(([caller, upstream]) => streamed(caller, upstream)),
  refusals,
  errorEvents,
  jsonBody,
]
