/** Facts of every kind, made up: for tests of whatever keeps or reads them. */
import * as fc from 'fast-check'
import { faultKinds, type FaultCode } from '../../src/fault/code.ts'
import type { Ray } from '../../src/fault/ray.ts'
import type { AttemptFact, ExchangeFact } from '../../src/observe/exchange-fact.ts'
import type { Note } from '../../src/observe/fact.ts'

const codes = Object.keys(faultKinds) as FaultCode[]
/** Whatever others may choose: names of models, words of servers. */
const text = fc.string({ unit: 'binary', maxLength: 60 }).map((each) => each.toWellFormed())
const size = fc.nat(1_000_000)
const ray = fc.constantFrom('r1', 'r2', 'r3', 'r4') as fc.Arbitrary<Ray>
const upstream = fc.constantFrom('a', 'b', 'c')
const code = fc.constantFrom(...codes)
const noCode = fc.option(code, { nil: null })

const attempt: fc.Arbitrary<AttemptFact> = fc.record(
  {
    upstream,
    code: noCode,
    detail: text,
    afterMs: size,
    durationMs: size,
    connectMs: fc.option(size, { nil: null }),
    firstTokenMs: fc.option(size, { nil: null }),
    receivedStatus: fc.option(fc.integer({ min: 100, max: 599 }), { nil: null }),
    isHedge: fc.boolean(),
  },
  {
    requiredKeys: [
      'upstream',
      'code',
      'detail',
      'afterMs',
      'durationMs',
      'connectMs',
      'firstTokenMs',
      'receivedStatus',
    ],
  },
)

/** Accounts of calls, all of this moment. */
export function calls(atMs: number): fc.Arbitrary<ExchangeFact> {
  return fc.record({
    atMs: fc.constant(atMs),
    ray,
    requestId: fc.option(fc.constantFrom('a-1', 'b-2'), { nil: null }),
    trace: fc.constant(null),
    route: fc.constantFrom('chat', 'messages'),
    model: text,
    isModelKnown: fc.boolean(),
    caller: fc.constantFrom('', 'app'),
    tier: fc.constantFrom('premium', 'standard', 'batch'),
    isStream: fc.boolean(),
    outcome: fc.constantFrom('complete', 'failed', 'cancelled'),
    status: fc.integer({ min: 200, max: 599 }),
    code: noCode,
    detail: text,
    attempts: fc.array(attempt, { maxLength: 3 }),
    seams: fc.array(fc.constantFrom('HF_UPSTREAM_CUT', 'HF_UPSTREAM_STALLED'), { maxLength: 2 }),
    durationMs: size,
    firstTokenMs: fc.option(size, { nil: null }),
    queueMs: size,
    overheadMs: fc.option(size, { nil: null }),
    inputTokens: fc.option(size, { nil: null }),
    outputTokens: fc.option(size, { nil: null }),
    finishReason: fc.option(text, { nil: null }),
    requestBytes: size,
    sentBytes: size,
    eventCount: size,
  })
}

const exit = fc.option(
  fc.record({
    exitCode: fc.option(size, { nil: null }),
    signal: fc.constant('SIGKILL'),
    stderrTail: text,
    ageMs: size,
  }),
  { nil: null },
)

/** Notes of every kind. */
export const notes: fc.Arbitrary<Note> = fc.oneof(
  fc.record({ kind: fc.constant('seam' as const), ray, upstream, code, detail: text, eventCount: size }),
  fc.record({ kind: fc.constant('client' as const), ray, state: fc.constantFrom('left', 'stalled') }),
  fc.record({
    kind: fc.constant('adoption' as const),
    ray,
    state: fc.constantFrom('adopted', 'given-up'),
    epoch: size,
    eventCount: size,
  }),
  fc.record({
    kind: fc.constant('breaker' as const),
    upstream,
    model: text,
    state: fc.constantFrom('opened', 'ejected', 'returned'),
    reason: text,
    openMs: size,
  }),
  fc.record({
    kind: fc.constant('upstream' as const),
    upstream,
    code: noCode,
    state: fc.constantFrom('up', 'down', 'hung'),
    detail: text,
    seenBy: fc.constantFrom('call', 'roll-call'),
    certificate: fc.constant(null),
  }),
  fc.record({ kind: fc.constant('key' as const), upstream, code, position: size, count: size, restMs: size }),
  fc.record({
    kind: fc.constant('probe' as const),
    upstream,
    model: text,
    outcome: fc.constantFrom('token', 'failed', 'nothing'),
    detail: text,
  }),
  fc.record({
    kind: fc.constant('limit' as const),
    upstream,
    calls: size,
    callsBefore: size,
    work: size,
    workBefore: size,
  }),
  fc.record({ kind: fc.constant('line' as const), pool: text, tier: text, waiting: size }),
  fc.record({
    kind: fc.constant('pressure' as const),
    rung: text,
    rungBefore: text,
    store: text,
    resource: fc.option(text, { nil: null }),
    share: fc.float({ min: 0, max: 1, noNaN: true }),
  }),
  fc.record({
    kind: fc.constant('worker' as const),
    state: fc.constantFrom('started', 'ready', 'draining', 'failed', 'hung', 'exited'),
    number: size,
    pid: fc.option(size, { nil: null }),
    isExpected: fc.boolean(),
    exit,
    detail: text,
  }),
  fc.record({
    kind: fc.constant('engine' as const),
    upstream,
    state: fc.constantFrom('started', 'ready', 'hung', 'exited'),
    pid: fc.option(size, { nil: null }),
    isExpected: fc.boolean(),
    exit,
    residentBytes: fc.option(size, { nil: null }),
    detail: text,
  }),
  fc.record({
    kind: fc.constant('deploy' as const),
    state: fc.constantFrom('started', 'restart-asked', 'restarted', 'restart-failed', 'stopping', 'stopped'),
    version: text,
    versionBefore: text,
    generation: size,
    reason: text,
  }),
  fc.record({
    kind: fc.constant('config' as const),
    state: fc.constantFrom('loaded', 'changed', 'refused'),
    hash: text,
    hashBefore: text,
    changed: fc.array(text, { maxLength: 3 }),
    reason: text,
    places: fc.array(fc.record({ upstream, host: text, kind: text }), { maxLength: 3 }),
  }),
  fc.record({
    kind: fc.constant('journal' as const),
    state: fc.constantFrom('full', 'damaged', 'error'),
    detail: text,
  }),
  fc.record({
    kind: fc.constant('maintenance' as const),
    state: fc.constantFrom('began', 'goes-on', 'ended'),
    title: text,
    beginMs: size,
    endMs: size,
    components: fc.array(text, { maxLength: 3 }),
    upstreams: fc.array(text, { maxLength: 3 }),
    models: fc.array(text, { maxLength: 3 }),
  }),
  fc.record({
    kind: fc.constant('quarantine' as const),
    state: fc.constantFrom('condemned', 'released'),
    key: text,
    model: text,
    upstreams: fc.array(text, { maxLength: 3 }),
    untilMs: size,
  }),
  fc.record({
    kind: fc.constant('scale' as const),
    deployment: text,
    from: size,
    to: size,
    why: text,
    evidence: text,
  }),
  fc.record({
    kind: fc.constant('rollout' as const),
    deployment: text,
    release: text,
    phase: text,
    share: fc.double({ min: 0, max: 1, noNaN: true }),
    detail: text,
  }),
  fc.record({
    kind: fc.constant('remedy' as const),
    state: fc.constantFrom('planned', 'withheld', 'gave-up', 'measured'),
    deployment: text,
    replica: text,
    ailment: text,
    remedy: text,
    evidence: text,
    detail: text,
  }),
)
