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

test('one that is silent and takes no connection any more is a host that is gone; one that takes them hangs', () => {
  const stalled = attemptOf('a', 'HF_UPSTREAM_STALLED', { detail: 'nothing for 1500 ms', firstTokenMs: 20 })
  const late = (detail: string): AttemptFact =>
    attemptOf('a', 'HF_CONNECT_TIMEOUT', { detail, afterMs: 1000, durationMs: 800 })
  const before = callOf(rays.next(), [attemptOf('a', null)], { atMs: nowMs - 5000, durationMs: 500 })
  const causeAfter = (detail: string): string =>
    diagnose(ray, [before, callOf(ray, [stalled, late(detail)], { durationMs: 1800 })]).cause
  assert.equal(causeAfter('10.0.0.7:8000 after 800 ms'), 'host-unreachable')
  assert.equal(causeAfter('TLS handshake with 10.0.0.7:8000 after 800 ms'), 'server-hung')
})

test('a server that answers the roll call and fails its calls is out of use', () => {
  const opened = {
    ...base,
    kind: 'breaker',
    upstream: 'a',
    model: 'm',
    state: 'opened',
    reason: '',
    openMs: 30_000,
  } as const
  const refused = callOf(ray, [], { code: 'HF_QUEUE_TIMEOUT', outcome: 'failed' })
  const facts = [{ ...opened, atMs: nowMs }, upstreamOf('a', 'up', nowMs + 500), refused]
  assert.equal(diagnose(ray, facts).cause, 'servers-missing')
  const returned = { ...opened, state: 'returned', atMs: nowMs + 600 } as const
  assert.equal(diagnose(ray, [...facts, returned]).cause, 'servers-full')
})

test('a caller that left after waiting in vain left because of that; one that had an answer just left', () => {
  const silent = attemptOf('a', 'HF_UPSTREAM_STALLED', {
    detail: 'no answer of the server got on for 9 ms',
    durationMs: 900,
  })
  const gone = { code: 'HF_CLIENT_GONE', outcome: 'cancelled' } as const
  assert.equal(diagnose(ray, [callOf(ray, [silent], gone)]).cause, 'server-hung')
  const second = attemptOf('b', 'HF_CLIENT_GONE', { afterMs: 900, durationMs: 9000, firstTokenMs: 30 })
  assert.equal(diagnose(ray, [callOf(ray, [silent, second], { ...gone, durationMs: 9900 })]).cause, 'client-left')
})

test('a process that its supervisor killed for its silence was held up, and did not die by itself', () => {
  const exit = { exitCode: null, signal: 'SIGKILL', stderrTail: '', ageMs: 90_000 }
  const worker = { ...base, kind: 'worker', number: 1, pid: 7, isExpected: false, detail: '' } as const
  const adoption = { ...base, kind: 'adoption', ray, state: 'adopted', epoch: 2, eventCount: 5 } as const
  const exited = { ...worker, state: 'exited', exit } as const
  const call = callOf(ray, [attemptOf('a', null)])
  assert.equal(diagnose(ray, [exited, adoption, call]).cause, 'gateway-crash')
  const hung = { ...worker, state: 'hung', exit: null } as const
  assert.equal(diagnose(ray, [hung, exited, adoption, call]).cause, 'gateway-stalled')
})

test('an engine that gets on by its own counters is slow, whatever this call heard of it', () => {
  const late = (words: string): string =>
    diagnose(ray, [callOf(ray, [attemptOf('a', 'HF_FIRST_TOKEN_TIMEOUT', { detail: `nothing for 60000 ms${words}` })])])
      .cause
  assert.equal(late(', though the engine got on (8 running, 30 waiting)'), 'slow-engine')
  assert.equal(late(' (the engine: 1 running, 0 waiting)'), 'server-hung')
})

test('time ran out: the server is slow if its tokens came slower than before, else the time was too short', () => {
  const good = Array.from({ length: 3 }, (_, i) =>
    callOf(rays.next(), [attemptOf('a', null, { firstTokenMs: 20, durationMs: 420 })], {
      ...{ atMs: nowMs + i, durationMs: 420, outputTokens: 41 },
    }),
  )
  const cut = (eventCount: number): string => {
    const attempt = attemptOf('a', 'HF_DEADLINE', { firstTokenMs: 20, durationMs: 2000 })
    return diagnose(ray, [...good, callOf(ray, [attempt], { eventCount, durationMs: 2000, atMs: nowMs + 5000 })]).cause
  }
  assert.equal(cut(20), 'slow-engine')
  assert.equal(cut(190), 'deadline-too-short')
})

test('another server that became slow, or is out of use, says nothing of this call', () => {
  const other = (atMs: number, durationMs: number): Fact =>
    callOf(rays.next(), [attemptOf('b', null, { firstTokenMs: 20, durationMs })], {
      ...{ atMs, durationMs, outputTokens: 41, model: 'another' },
    })
  const aside = [1, 2, 3].map((i) => other(nowMs - 9000 + i, 400)).concat(other(nowMs + 9000, 8000))
  const attempt = attemptOf('a', 'HF_DEADLINE', { firstTokenMs: 20, durationMs: 300 })
  assert.equal(diagnose(ray, [...aside, callOf(ray, [attempt], { durationMs: 300 })]).cause, 'deadline-too-short')
  const beside = callOf(rays.next(), [attemptOf('a', null)], { atMs: nowMs - 1000 })
  const refused = callOf(ray, [], { code: 'HF_QUEUE_TIMEOUT', outcome: 'failed' })
  const out = upstreamOf('b', 'down', nowMs - 500, 'HF_UPSTREAM_REFUSED')
  assert.equal(diagnose(ray, [beside, out, refused]).cause, 'servers-full')
})

test('who waits behind calls of which none gets on waits for a server that hangs', () => {
  const sent = callOf(ray, [], { code: 'HF_QUEUE_TIMEOUT', outcome: 'failed' })
  const before = (code: FaultCode | null): Fact =>
    callOf(rays.next(), [attemptOf('a', code, { durationMs: 3000 })], { atMs: nowMs + 3500, durationMs: 3000 })
  assert.equal(diagnose(ray, [sent, before('HF_UPSTREAM_STALLED')]).cause, 'server-hung')
  assert.equal(diagnose(ray, [sent, before('HF_UPSTREAM_STALLED'), before(null)]).cause, 'servers-full')
})

test('words tell causes of one code apart', () => {
  const causeOfWords = (code: FaultCode, detail: string): string =>
    diagnose(ray, [callOf(ray, [attemptOf('a', code, { detail })])]).cause
  for (const [code, detail, cause] of [
    ['HF_UPSTREAM_BUSY', 'status 503: Loading model', 'server-deploy'],
    ['HF_UPSTREAM_BUSY', 'status 503: no healthy upstream', 'proxy-page'],
    ['HF_UPSTREAM_BUSY', 'status 503: the queue is full', 'server-busy'],
    ['HF_UPSTREAM_ERROR', 'status 500: error loading model', 'server-error'],
    ['HF_UPSTREAM_ERROR', 'status 500: model requires more system memory (9 GiB) than is available', 'out-of-memory'],
    ['HF_UPSTREAM_GARBLED', 'status 308', 'bad-configuration'],
    ['HF_UPSTREAM_KEY_REFUSED', 'status 403: an HTML page titled “Blocked”', 'proxy-page'],
    ['HF_CALL_REFUSED', 'status 413: an HTML page', 'proxy-page'],
    ['HF_CALL_REFUSED', 'status 413', 'bad-request'],
    ['HF_QUEUE_FULL', 'EMFILE 10.0.0.7:8000', 'gateway-short'],
    ['HF_KEY_UNKNOWN', 'the quota of the key that was sent is used up', 'caller-quota'],
  ] as const)
    assert.equal(causeOfWords(code, detail), cause, detail)
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

test('a call that was answered with the answer to another question says so', () => {
  const [own, other] = [ray, rays.next()]
  const call = callOf(own, [], { cache: 'semantic', answerRay: other, similarity: 0.973 })
  const text = explanation(diagnose(own, [call]))
  assert.match(
    text,
    new RegExp(`with ${other}, the answer to another question of the same meaning \\(similarity 0.973\\)`),
  )
})
