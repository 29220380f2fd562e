/** A caller with little time, and two servers of which one is too slow for it: the call waits for the fast one. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTestHouse, post, sayHello, ScriptedUpstream, streamBody, until } from './harness.ts'

/** What the gateway knows of them: until the first token. */
const known = { fast: 20, slow: 30_000 }
const ask = (...headers: string[]): Buffer =>
  post(streamBody, { headers: ['content-type: application/json', ...headers] })

for (const [words, header, asked] of [
  ['with little time it waits for the fast one, and the free slow one is left alone', 'x-slo-ttft-ms: 20000', [2, 0]],
  ['with time for either it takes the free one', 'x-slo-ttft-ms: 60000', [1, 1]],
] as const) {
  test(words, { timeout: 30_000 }, async () => {
    await using fast = await ScriptedUpstream.open()
    await using slow = await ScriptedUpstream.open()
    await using house = await openTestHouse({
      upstreams: {
        fast: { url: fast.url, kind: 'llamacpp', models: ['m'] },
        slow: { url: slow.url, kind: 'llamacpp', models: ['m'], priority: 1 },
      },
      overload: { limits: 'fixed', callsMax: 1 },
      hedging: { enabled: false },
    })
    for (const upstream of house.house.fleet.upstreams)
      for (let i = 0; i < 8; i++)
        upstream.speed('m').observeFirstToken(10, known[upstream.name as keyof typeof known], 0)
    fast.script = () => {}
    const first = house.ask(ask())
    const held = await fast.call(0)
    const second = house.ask(ask(header))
    await until('the second to be inside', () => house.house.callsLive() === 2 || slow.calls.length > 0)
    fast.script = sayHello
    sayHello(held)
    assert.deepEqual([(await first).status, (await second).status], [200, 200])
    assert.deepEqual([fast.calls.length, slow.calls.length], asked)
  })
}
