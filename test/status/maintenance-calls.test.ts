// Tests of planned maintenance as new calls meet it: others take over, and who has nobody is told the exact end.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { errorBody } from '../../src/dialect/error-body.ts'
import { faultHeaders } from '../../src/edge/fault-answer.ts'
import { Fault } from '../../src/fault/fault.ts'
import { ManualClock } from '../../src/ground/manual-clock.ts'
import { Fleet } from '../../src/fleet/fleet.ts'
import type { Pool } from '../../src/fleet/pool.ts'
import { balanceSchema, timeoutsSchema } from '../../src/fleet/pool-options.ts'
import { Upstream } from '../../src/fleet/upstream.ts'
import { upstreamSchema } from '../../src/fleet/upstream-options.ts'

function stage(offers: Record<string, string[] | undefined>) {
  const clock = new ManualClock()
  const upstreams = Object.entries(offers).map(
    ([name, models]) => new Upstream(name, upstreamSchema.parse({ url: 'http://127.0.0.1:1/v1', models }), null, clock),
  )
  const members = upstreams.map((upstream) => ({ upstream, model: null, weight: 1, priority: 0 }))
  const pool: Pool = {
    name: 'all',
    members,
    timeouts: timeoutsSchema.parse(undefined),
    attemptsMax: 5,
    balance: balanceSchema.parse(undefined),
  }
  const fleet = new Fleet(upstreams, new Map([['all', pool]]), new Map())
  const close = (names: string[], ms: number, models: string[] = []): void =>
    fleet.close(
      {
        upstreams: new Map(names.map((name) => [name, clock.nowMs() + ms])),
        models: new Map(models.map((name) => [name, clock.nowMs() + ms])),
      },
      () => clock.nowMs(),
    )
  const names = (model: string): string[] => fleet.resolve(model).members.map(({ upstream }) => upstream.name)
  return { clock, fleet, upstreams, close, names }
}

function refusal(run: () => unknown): Fault {
  try {
    run()
  } catch (thrown) {
    if (thrown instanceof Fault) return thrown
  }
  throw new Error('nothing was refused')
}

test('an upstream under maintenance gets no new calls where others offer the model', () => {
  const { close, names, clock, upstreams } = stage({ a: ['m', 'only'], b: ['m'] })
  close(['a'], 60_000)
  assert.deepEqual(names('m'), ['b'])
  assert.equal(upstreams[0]?.restLeftMs, 60_000) // calls that were resolved before prefer others, too
  clock.advance(60_000)
  assert.deepEqual(names('m'), ['a', 'b'])
  assert.equal(upstreams[0]?.restLeftMs, 0)
})

test('a model that nobody else offers is refused with the exact end', () => {
  const { close, fleet, clock } = stage({ a: ['only'], b: ['m'] })
  close(['a'], 5_400_000)
  clock.advance(1234)
  const fault = refusal(() => fleet.resolve('only'))
  assert.equal(fault.code, 'HF_MAINTENANCE')
  assert.equal(fault.status, 503)
  assert.equal(fault.retryAfterMs, 5_400_000 - 1234)
  assert.equal(fault.told, 'This service is in planned maintenance until 2026-01-01 01:30 UTC.')
  const { error } = JSON.parse(errorBody(fault, 'ray', 'openai').toString()) as { error: Record<string, unknown> }
  assert.equal(error['until'], '2026-01-01T01:30:00.000Z')
  assert.equal(error['retry_after_ms'], 5_398_766)
  const headers = faultHeaders(fault)
  assert.equal(headers[headers.indexOf('retry-after') + 1], '60') // more than that SDKs ignore
  assert.equal(headers[headers.indexOf('holdfast-until') + 1], '2026-01-01T01:30:00.000Z')
})

test('shortly before the end Retry-After is the end', () => {
  const { close, fleet } = stage({ a: ['only'] })
  close(['a'], 12_300)
  const headers = faultHeaders(refusal(() => fleet.resolve('only')))
  assert.equal(headers[headers.indexOf('retry-after') + 1], '13')
  assert.equal(headers[headers.indexOf('retry-after-ms') + 1], '12300')
})

test('of several that are closed the first to return says when', () => {
  const { fleet, clock } = stage({ a: ['m'], b: ['m'] })
  const nowMs = clock.nowMs()
  fleet.close(
    {
      upstreams: new Map([
        ['a', nowMs + 9000],
        ['b', nowMs + 4000],
      ]),
      models: new Map(),
    },
    () => clock.nowMs(),
  )
  assert.equal(refusal(() => fleet.resolve('m')).retryAfterMs, 4000)
})

test('a model may be taken away whoever offers it, to the millisecond', () => {
  const { close, fleet, names, clock } = stage({ a: ['m', 'n'] })
  close([], 1000, ['m'])
  assert.equal(refusal(() => fleet.resolve('m')).code, 'HF_MAINTENANCE')
  assert.deepEqual(names('n'), ['a'])
  clock.advance(1000)
  assert.deepEqual(names('m'), ['a'])
})

test('an answer under way goes on with an upstream under maintenance', () => {
  const { close, fleet } = stage({ a: ['only'] })
  close(['a'], 1000, ['only'])
  assert.equal(fleet.resolve('only', true).members.length, 1)
})

test('one that was down for maintenance when the gateway started is told as such', () => {
  const { close, fleet } = stage({ a: undefined })
  assert.equal(refusal(() => fleet.resolve('m')).code, 'HF_NO_UPSTREAM')
  close(['a'], 1000)
  assert.equal(refusal(() => fleet.resolve('m')).code, 'HF_MAINTENANCE')
})

test('a model that nobody knows stays unknown', () => {
  const { close, fleet } = stage({ a: ['m'] })
  close(['a'], 1000)
  assert.equal(refusal(() => fleet.resolve('other')).code, 'HF_MODEL_UNKNOWN')
})
