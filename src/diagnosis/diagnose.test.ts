/** From facts to a cause: by example, and for any facts whatever. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { type FaultCode, faultKinds } from '../fault/code.ts'
import { type Ray, RaySource } from '../fault/ray.ts'
import { ManualClock } from '../ground/manual-clock.ts'
import { seededRandom } from '../ground/random.ts'
import type { AttemptFact } from '../observe/exchange-fact.ts'
import type { CallFact, Fact } from '../observe/fact.ts'
import { calls, notes } from '../../test/conformance/facts.ts'
import { causeNames, causeOf } from './causes.ts'
import { diagnose } from './diagnose.ts'
import { explanation } from './explanation.ts'

const nowMs = Date.UTC(2026, 0, 1)
const rays = new RaySource(new ManualClock(nowMs), seededRandom(1), { node: 1, site: 'test' })
const ray = rays.next()
const base = { atMs: nowMs + 2000, node: 'worker-0/1', ray: null, upstream: null, code: null }

function attemptOf(upstream: string, code: FaultCode | null, more: Partial<AttemptFact> = {}): AttemptFact {
  return {
    upstream,
    code,
    detail: '',
    afterMs: 0,
    durationMs: 1000,
    receivedStatus: null,
    connectMs: null,
    firstTokenMs: null,
    ...more,
  }
}

function callOf(of: Ray, attempts: readonly AttemptFact[], more: Partial<CallFact> = {}): CallFact {
  const code = attempts.at(-1)?.code ?? null
  return {
    ...{ ...base, kind: 'call', ray: of, upstream: attempts.at(-1)?.upstream ?? null, code, isEventful: true },
    ...{
      route: 'chat',
      model: 'm',
      caller: '',
      tier: 'standard',
      isStream: true,
      outcome: code ? 'failed' : 'complete',
    },
    ...{ status: code ? 502 : 200, detail: '', attempts, seams: [], durationMs: 1000, firstTokenMs: null },
    ...{ requestId: null, traceId: null, queueMs: 0, overheadMs: null },
    ...{ inputTokens: null, outputTokens: null, finishReason: null, requestBytes: 1, sentBytes: 1, eventCount: 1 },
    ...more,
  }
}

function upstreamOf(
  upstream: string,
  state: 'up' | 'down' | 'hung',
  atMs: number,
  code: FaultCode | null = null,
): Fact {
  return { ...base, kind: 'upstream', upstream, state, atMs, code, detail: '', seenBy: 'call', certificate: null }
}

test('no facts: nothing is claimed', () => {
  const { cause, confidence, evidence } = diagnose(ray, [])
  assert.deepEqual([cause, confidence, evidence], ['unrecorded', 0, []])
  assert.match(explanation(diagnose(ray, [])), /the ray is mistyped.*keepMs/s)
})

test('a call that went well has no cause', () => {
  assert.equal(diagnose(ray, [callOf(ray, [attemptOf('a', null)])]).cause, 'none')
})

test('a code that says little alone gives little confidence, and a runner-up', () => {
  const { confidence, runnerUp } = diagnose(ray, [callOf(ray, [attemptOf('a', 'HF_UPSTREAM_CUT')])])
  assert.ok(confidence < 0.6, `${confidence}`)
  assert.ok(runnerUp !== null && runnerUp.confidence > 0.1)
})

test('a server that breaks off and is gone has died; one that serves others meanwhile has not', () => {
  const cut = callOf(ray, [attemptOf('a', 'HF_UPSTREAM_CUT', { detail: 'ECONNRESET 10.0.0.1:80' })])
  const died = diagnose(ray, [cut, upstreamOf('a', 'down', nowMs + 2100, 'HF_UPSTREAM_REFUSED')])
  assert.deepEqual([died.cause, died.class, died.whose], ['server-crash', 'application', 'upstream'])
  assert.ok(died.confidence > 0.9)
  assert.match(died.evidence.join('\n'), /a could not be reached right afterwards/)
  const other = callOf(rays.next(), [attemptOf('a', null, { durationMs: 5000 })], {
    atMs: nowMs + 5500,
    durationMs: 5000,
  })
  assert.equal(diagnose(ray, [cut, other]).cause, 'link-broken')
})

test('a request that takes down one server after the other is poison', () => {
  const attempts = [
    attemptOf('a', 'HF_UPSTREAM_RESET', { detail: 'ECONNRESET a', durationMs: 300 }),
    attemptOf('b', 'HF_UPSTREAM_RESET', { detail: 'ECONNRESET b', afterMs: 400, durationMs: 300 }),
  ]
  const facts = [
    callOf(ray, attempts),
    upstreamOf('a', 'down', nowMs + 1500, 'HF_UPSTREAM_REFUSED'),
    upstreamOf('b', 'down', nowMs + 1900, 'HF_UPSTREAM_REFUSED'),
  ]
  assert.equal(diagnose(ray, facts).cause, 'poison')
  assert.equal(diagnose(ray, facts.slice(0, 2)).cause, 'server-crash')
})

test('a call that was saved has a cause as well, and is told as saved', () => {
  const attempts = [attemptOf('a', 'HF_UPSTREAM_REFUSED', { detail: 'ECONNREFUSED' }), attemptOf('b', null)]
  const { cause, outcome, actions } = diagnose(ray, [callOf(ray, attempts)])
  assert.deepEqual([cause, outcome], ['server-down', 'complete'])
  assert.match(actions.join('\n'), /asked b after a had failed/)
})

test('several keys of one provider that fail alike are an outage; one server of our own is an error', () => {
  const words = { detail: 'status 500: oops', receivedStatus: 500 }
  const attempts = [attemptOf('eu', 'HF_UPSTREAM_ERROR', words), attemptOf('us', 'HF_UPSTREAM_ERROR', words)]
  const place = { host: 'api.example.com', kind: 'openai' }
  assert.equal(diagnose(ray, [callOf(ray, attempts)], { eu: place, us: place }).cause, 'provider-outage')
  assert.equal(diagnose(ray, [callOf(ray, attempts)]).cause, 'server-error')
})

test('an answer that changed hands died with its process, by the exit of that process', () => {
  const exit = { exitCode: null, signal: 'SIGKILL', stderrTail: '', ageMs: 9000 }
  const worker = {
    ...base,
    kind: 'worker',
    state: 'exited',
    number: 1,
    pid: 7,
    isExpected: false,
    detail: '',
    exit,
  } as const
  const adoption = { ...base, kind: 'adoption', ray, state: 'adopted', epoch: 2, eventCount: 5 } as const
  const { cause, sentence, whose } = diagnose(ray, [worker, adoption, callOf(ray, [attemptOf('a', null)])])
  assert.deepEqual([cause, whose], ['gateway-crash', 'gateway'])
  assert.match(sentence, /worker 1, SIGKILL/)
})

test('what others chose cannot break out of a line', () => {
  const call = callOf(ray, [], { code: 'HF_BAD_CALL', detail: 'a\r\n\u001b[31mb', outcome: 'failed' })
  assert.doesNotMatch(explanation(diagnose(ray, [call])), /\r|\u001b/)
})

test('every cause is named, cured and can be found from some sign', () => {
  for (const name of causeNames) {
    const { title, cure, explains } = causeOf(name)
    assert.ok(title && cure && Object.keys(explains).length > 0, name)
  }
})

test('every code of the table that a call can end with leads to a cause', () => {
  const silent = new Set(['HF_OUTRUN', 'HF_STREAM_FULL'])
  for (const code of Object.keys(faultKinds) as FaultCode[]) {
    if (silent.has(code)) continue
    const { cause } = diagnose(ray, [callOf(ray, [], { code, outcome: 'failed' })])
    assert.ok(cause !== 'none' && cause !== 'unknown', `${code}: ${cause}`)
  }
})

/** Facts that speak for a cause, one more each time: its confidence must not fall. */
const cases: readonly { cause: string; start: Fact; more: readonly Fact[] }[] = [
  {
    cause: 'server-crash',
    start: callOf(ray, [attemptOf('a', 'HF_UPSTREAM_CUT')]),
    more: [
      upstreamOf('a', 'down', nowMs + 2500, 'HF_UPSTREAM_REFUSED'),
      callOf(rays.next(), [attemptOf('a', 'HF_UPSTREAM_CUT')]),
      callOf(rays.next(), [attemptOf('a', 'HF_UPSTREAM_REFUSED', { durationMs: 1 })], {
        atMs: nowMs + 3000,
        durationMs: 1,
      }),
    ],
  },
  {
    cause: 'server-hung',
    start: callOf(ray, [attemptOf('a', 'HF_FIRST_TOKEN_TIMEOUT')]),
    more: [
      upstreamOf('a', 'hung', nowMs + 2500, 'HF_UPSTREAM_STALLED'),
      callOf(rays.next(), [attemptOf('a', 'HF_UPSTREAM_STALLED')]),
    ],
  },
]

test('more evidence never makes the right cause less likely', () => {
  for (const { cause, start, more } of cases)
    fc.assert(
      fc.property(fc.subarray([...more]), fc.nat(more.length - 1), (some, i) => {
        const before = diagnose(ray, [start, ...some])
        const after = diagnose(ray, [start, ...some, ...(some.includes(more[i] as Fact) ? [] : [more[i] as Fact])])
        assert.ok(shareOf(after, cause) >= shareOf(before, cause) - 1e-9)
      }),
    )
})

function shareOf({ cause, confidence, runnerUp }: ReturnType<typeof diagnose>, wanted: string): number {
  return cause === wanted ? confidence : runnerUp?.cause === wanted ? runnerUp.confidence : 0
}

/** Facts of every kind, of this ray and of others, at any time around. */
const anyFact: fc.Arbitrary<Fact> = fc
  .record({
    told: fc.oneof(
      notes,
      calls(0).map((call) => ({ kind: 'call' as const, isEventful: true, traceId: null, ...call })),
    ),
    atMs: fc.integer({ min: nowMs - 900_000, max: nowMs + 900_000 }),
    isOwn: fc.boolean(),
  })
  .map(({ told, atMs, isOwn }) => ({ ...base, ...told, atMs, ...(isOwn && { ray }) }))

test('any facts whatever: it never throws, and what it claims is a share', () => {
  fc.assert(
    fc.property(fc.array(anyFact, { maxLength: 30 }), (facts) => {
      const diagnosis = diagnose(ray, facts)
      assert.ok(diagnosis.confidence >= 0 && diagnosis.confidence <= 1)
      assert.ok(
        (diagnosis.runnerUp?.confidence ?? 0) + diagnosis.confidence <= 1 + 1e-9 || diagnosis.cause === 'unknown',
      )
      assert.equal(explanation(diagnosis).endsWith('\n'), true)
      JSON.stringify(diagnosis)
    }),
    { numRuns: 500 },
  )
})
