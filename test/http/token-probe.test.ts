/** The question for a token, put to servers of every kind and to sick ones. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FaultOrder } from '../../lab/fault-plan.ts'
import { profileNames } from '../../lab/profile.ts'
import { openSimServer, type SimServerOptions } from '../../lab/sim-server.ts'
import type { FaultCode } from '../../src/fault/code.ts'
import { Upstream } from '../../src/fleet/upstream.ts'
import { upstreamSchema } from '../../src/fleet/upstream-options.ts'
import { systemClock } from '../../src/ground/clock.ts'
import { systemRandom } from '../../src/ground/random.ts'
import { overloadSchema } from '../../src/relay/overload/overload-options.ts'
import { Places } from '../../src/relay/overload/places.ts'
import { type Proof, TokenProber } from '../../src/relay/token-probe.ts'
import { Wires } from '../../src/relay/wire/wires.ts'

const places = (): Places => new Places(systemClock, systemRandom, overloadSchema.parse({}))

async function ask(traits: object, options: SimServerOptions, order?: FaultOrder, key: string | null = null) {
  await using sim = await openSimServer(options)
  if (order) sim.order(order)
  await using wires = new Wires(systemClock)
  const upstream = new Upstream('u', upstreamSchema.parse({ url: `${sim.url}/v1`, ...traits }), key, systemClock)
  const { promise, resolve } = Promise.withResolvers<Proof>()
  new TokenProber(systemClock, wires, places()).ask(upstream, 'lab-model', resolve)
  const proof = await promise
  const { calls, prefillTokens, decodeTokens } = upstream.load
  assert.deepEqual([calls, prefillTokens, decodeTokens], [0, 0, 0], 'nothing is left in hand')
  const call = sim.calls.entries.find(({ route }) => route !== 'models')
  return { code: proof.fault?.code ?? null, firstTokenMs: proof.firstTokenMs, call }
}

for (const profile of profileNames) {
  test(`${profile}: eight tokens come, in its own language and with its key`, async () => {
    const { code, firstTokenMs, call } = await ask(
      { kind: profile },
      { profile, apiKey: 'sk-lab' },
      undefined,
      'sk-lab',
    )
    assert.equal(code, null)
    assert.ok(firstTokenMs !== null && firstTokenMs >= 0)
    assert.ok(call && call.tokens >= 1 && call.tokens <= 8, `${call?.tokens} tokens`)
    assert.equal(call.route, profile === 'anthropic' ? 'messages' : 'chat')
  })
}

for (const [route, speaks] of [
  ['completions', ['completions']],
  ['responses', ['responses', 'embeddings']],
] as const) {
  test(`one that speaks ${route} alone is asked so`, async () => {
    const { code, call } = await ask({ speaks }, {})
    assert.deepEqual([code, call?.route], [null, route])
  })
}

test('one that gives no text is not asked', async () => {
  const { code, call } = await ask({ speaks: ['embeddings'] }, {})
  assert.deepEqual([code, call], ['HF_ROUTE_UNSPOKEN', undefined])
})

const sick: readonly (readonly [order: FaultOrder, code: FaultCode])[] = [
  [{ kind: '500' }, 'HF_UPSTREAM_ERROR'],
  [{ kind: 'empty-200' }, 'HF_UPSTREAM_EMPTY'],
  [{ kind: 'cut', afterTokens: 3 }, 'HF_UPSTREAM_CUT'],
  [{ kind: 'truncate', afterTokens: 3 }, 'HF_UPSTREAM_CUT'],
  [{ kind: '503' }, 'HF_UPSTREAM_BUSY'],
  [{ kind: 'reset' }, 'HF_UPSTREAM_RESET'],
]

for (const [order, code] of sick) {
  test(`no whole answer: ${order.kind}`, async () => {
    assert.equal((await ask({}, {}, order)).code, code)
  })
}

test('another key is a refusal, and a server that is gone is gone', async () => {
  assert.equal((await ask({}, { apiKey: 'sk-lab' })).code, 'HF_UPSTREAM_KEY_REFUSED')
  await using wires = new Wires(systemClock)
  const upstream = new Upstream('u', upstreamSchema.parse({ url: 'http://127.0.0.1:9/v1' }), null, systemClock)
  const { promise, resolve } = Promise.withResolvers<Proof>()
  new TokenProber(systemClock, wires, places()).ask(upstream, 'm', resolve)
  assert.equal((await promise).fault?.code, 'HF_UPSTREAM_REFUSED')
})
