// What a call takes of its key's limits, what it gives back, and what its caller is told.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Route } from '../../dialect/call.ts'
import { readCall } from '../../dialect/read-call.ts'
import type { Ray } from '../../fault/ray.ts'
import { ManualClock } from '../../ground/manual-clock.ts'
import type { ExchangeFact } from '../../observe/exchange-fact.ts'
import type { Log } from '../../observe/log.ts'
import { refusalFact } from '../../observe/observer.ts'
import { Fault } from '../../fault/fault.ts'
import type { AllowanceStore } from '../../store/allowance-store.ts'
import { MemoryAllowances } from '../../store/memory-allowances.ts'
import { Allowances } from './allowances.ts'
import type { KeyLimits } from './key-limits.ts'
import { spanText } from './rate-headers.ts'

const price = { input: 1000, output: 2000 }

function open(limits: KeyLimits, store?: AllowanceStore) {
  const clock = new ManualClock()
  const kept = store ?? new MemoryAllowances(clock)
  const errors: unknown[] = []
  const log = { error: (_: object, words: string) => void errors.push(words) } as unknown as Log
  const allowances = new Allowances({ clock, log, store: kept, priceOf: (model) => (model === 'dear' ? price : null) })
  let count = 0
  const ask = (
    model = 'lab',
    family: 'openai' | 'anthropic' = 'openai',
    more = '"max_tokens":100',
    route: Route = 'chat',
  ) => {
    const ray = `ray${++count}` as Ray
    const body = Buffer.from(`{"model":"${model}","messages":[{"role":"user","content":"x"}],${more}}`)
    const call = readCall(route, body, {})
    const caller = {
      name: 'k',
      models: null,
      tier: 'standard',
      onDisconnect: null,
      cache: null,
      limits,
      isRevocable: true,
    } as const
    return { ray, promptTokens: Math.ceil(body.length / 4), ...allowances.take(caller, { ray, call }, family) }
  }
  const settle = (ray: Ray, more: Partial<ExchangeFact>): void =>
    allowances.settled({ ...refusalFact(new Fault('HF_INTERNAL'), ray, 'chat', 0, 0), code: null, ...more })
  const used = (kind: keyof KeyLimits): number =>
    kept
      .used('k')
      .get('k')
      ?.get(kind as 'tokensPerDay') ?? 0
  return { clock, allowances, ask, settle, used, errors }
}

const complete = { outcome: 'complete', inputTokens: 7, outputTokens: 11, firstTokenMs: 1 } as const

test('a call takes its prompt and its limit, and gives back what it did not use', () => {
  const { ask, settle, used } = open({ tokensPerDay: 1000 })
  const { ray, fault, promptTokens } = ask()
  assert.equal(fault, null)
  assert.equal(used('tokensPerDay'), promptTokens + 100)
  settle(ray, complete)
  assert.equal(used('tokensPerDay'), 18)
})

test('several answers at once are paid for before they are made', () => {
  const { ask, used } = open({ tokensPerDay: 10_000 })
  const { promptTokens } = ask('lab', 'openai', '"max_tokens":100,"n":20')
  assert.equal(used('tokensPerDay'), promptTokens + 2000)
  assert.equal(ask('lab', 'openai', '"max_tokens":100,"n":90').fault?.code, 'HF_KEY_BUDGET')
})

test('what is only computed takes no tokens for an answer', () => {
  const { ask, settle, used } = open({ tokensPerDay: 10_000 })
  const answered = { ...complete, inputTokens: null, outputTokens: null }
  const { ray, promptTokens } = ask('lab', 'openai', '"input":"x"', 'embeddings')
  settle(ray, answered)
  assert.equal(used('tokensPerDay'), promptTokens)
  settle(ask('lab', 'anthropic', '"max_tokens":100', 'count_tokens').ray, answered)
  assert.equal(used('tokensPerDay'), promptTokens, 'counting them is free')
})

test('numbers beyond all measure end no counting, and make no call free', () => {
  for (const limit of ['1e400', '1e300', '-5', '9007199254740993']) {
    const { ask, settle, used, errors } = open({ tokensPerDay: 1000 })
    const { ray, fault } = ask('lab', 'openai', `"max_tokens":${limit},"n":1e308`)
    assert.equal(fault, null)
    settle(ray, complete)
    assert.equal(used('tokensPerDay'), 18, limit)
    const lie = ask()
    settle(lie.ray, { ...complete, inputTokens: Number.NaN, outputTokens: Number.NEGATIVE_INFINITY })
    assert.deepEqual([used('tokensPerDay'), errors], [18, []], limit)
  }
})

test('what was not answered costs nothing; what was broken off costs what was sent', () => {
  const { ask, settle, used } = open({ tokensPerDay: 1000 })
  settle(ask().ray, { outcome: 'failed', firstTokenMs: null })
  assert.equal(used('tokensPerDay'), 0)
  const { ray, promptTokens } = ask()
  settle(ray, { outcome: 'cancelled', firstTokenMs: 5, isStream: true, eventCount: 9 })
  assert.equal(used('tokensPerDay'), promptTokens + 9)
})

test('money goes by the price of the model; one without a price is free', () => {
  const { ask, settle, used } = open({ moneyPerMonth: 1 })
  settle(ask().ray, complete)
  assert.equal(used('moneyPerMonth'), 0)
  settle(ask('dear').ray, complete)
  assert(Math.abs(used('moneyPerMonth') - (7 * 1000 + 11 * 2000) / 1e6) < 1e-9)
  for (let i = 0; i < 4; i++) ask('dear')
  const { fault } = ask('dear')
  assert.equal(fault?.code, 'HF_KEY_BUDGET')
  assert.equal(fault?.kind.shouldCallerRetry, false)
  assert(fault?.untilMs !== undefined && new Date(fault.untilMs).getUTCDate() === 1)
})

test('a repetition of a call that is under way costs nothing, one that goes on keeps what it took', () => {
  const { ask, allowances, used } = open({ tokensPerDay: 1000, callsLiveMax: 1 })
  const first = ask()
  allowances.left(first.ray, () => true)
  assert(used('tokensPerDay') > 100)
  assert.equal(ask().fault?.code, 'HF_KEY_RATE')
  allowances.left(first.ray, () => false)
  assert.equal(used('tokensPerDay'), 0)
  assert.equal(ask().fault, null)
})

test('the headers that SDKs know tell what is left, also of a refusal', () => {
  const { ask } = open({ requestsPerMinute: 2 })
  assert.deepEqual(ask().headers, [
    ...['x-ratelimit-limit-requests', '2', 'x-ratelimit-remaining-requests', '1'],
    ...['x-ratelimit-reset-requests', '30s'],
  ])
  const [name, , , left] = ask('lab', 'anthropic').headers
  assert.deepEqual([name, left], ['anthropic-ratelimit-requests-limit', '0'])
  const { fault, headers } = ask()
  assert.deepEqual([fault?.code, fault?.retryAfterMs, headers[3]], ['HF_KEY_RATE', 30_000, '0'])
})

test('what cannot be counted is let through, and said once', () => {
  const broken: AllowanceStore = {
    take: () => {
      throw new Error('database or disk is full')
    },
    give: () => {},
    bury: () => {},
    used: () => new Map(),
    [Symbol.dispose]: () => {},
  }
  const { ask, errors } = open({ requestsPerMinute: 1 }, broken)
  for (let i = 0; i < 5; i++) assert.equal(ask().fault, null)
  assert.equal(errors.length, 1)
})

test('spans are written as OpenAI writes them', () => {
  assert.deepEqual([0, 119.2, 7660, 59_990, 360_000, 61_200].map(spanText), [
    '0ms',
    '120ms',
    '7.66s',
    '59.99s',
    '6m0s',
    '1m2s',
  ])
})
