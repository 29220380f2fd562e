// Several workers at one server without metrics, and a server that changes: what each makes of what it cannot see.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SharedServer, type WorkerCounts } from '../world/shared-server.ts'

/** Workers of which the first has seen the server idle; for two minutes then there is more to do than it can. */
function busy(options: ConstructorParameters<typeof SharedServer>[0], count = 1): SharedServer {
  const server = new SharedServer(options)
  for (let i = 0; i < count; i++) server.open(i === 0 ? 1 : 0)
  server.run(20)
  for (const worker of server.workers) worker.demand = 48 / count
  server.run(120)
  return server
}

function doneBy(counts: readonly WorkerCounts[]): number {
  return counts.reduce((sum, { done }) => sum + done, 0)
}

for (const seed of [1, 2, 3])
  test(`a worker that comes to a busy server has an equal part of it in two minutes, and knows its speed (${seed})`, () => {
    const server = busy({ seed })
    const alone = doneBy(server.run(120))
    server.open(48)
    server.run(120)
    const counts = server.run(120)
    const share = (counts[0]?.done ?? 0) / doneBy(counts)
    assert.ok(share > 0.3 && share < 0.7, `${share}`)
    assert.ok(doneBy(counts) > 0.9 * alone, `${doneBy(counts)} of ${alone}`)
    for (const { firstTokenMs } of counts) assert.ok(firstTokenMs < 1000, `${firstTokenMs}`)
    const usual = server.workers.map(({ speed }) => speed.firstTokenMs(200) ?? 0)
    assert.ok(Math.max(...usual) < 70, usual.join(', '))
  })

test('workers that all begin at a busy server know from before how fast it is', () => {
  const before = busy({})
  const known = before.entryOf(before.workers[0] as (typeof before.workers)[number])
  const server = new SharedServer({ seed: 2 })
  for (let i = 0; i < 2; i++) server.open(24, [{ ...known, url: 'http://engine/v1' }])
  server.run(120)
  const counts = server.run(60)
  for (const { firstTokenMs } of counts) assert.ok(firstTokenMs < 1000, `${firstTokenMs}`)
})

for (const [delayMs, count] of [
  [200, 1],
  [400, 1],
  [400, 2],
  [1200, 1],
  [1200, 2],
] as const)
  test(`a server whose first tokens come ${delayMs} ms later from now on is not starved (${count})`, () => {
    let [before, after] = [0, 0]
    for (const seed of [1, 2, 3, 4]) {
      const server = busy({ seed }, count)
      before += doneBy(server.run(60))
      server.delayMs = delayMs
      server.run(80)
      after += doneBy(server.run(60))
    }
    assert.ok(after > 0.65 * before, `${after} of ${before}`)
  })

test('one that is fast again is known as fast again, however busy it has been all the time', () => {
  const server = busy({})
  server.delayMs = 1200
  server.run(120)
  const [worker] = server.workers
  assert.ok((worker?.speed.firstTokenMs(200) ?? 0) > 800, `${worker?.speed.firstTokenMs(200)}`)
  server.delayMs = 0
  server.run(660)
  const [counts] = server.run(60)
  assert.ok((worker?.speed.firstTokenMs(200) ?? 0) < 100, `${worker?.speed.firstTokenMs(200)}`)
  assert.ok((counts?.firstTokenMs ?? 0) < 1000, `${counts?.firstTokenMs}`)
})

test('more calls than it can serve make no server look slow, in ten minutes of them', () => {
  for (const [slots, decodeRate] of [
    [4, 30],
    [48, 40],
  ] as const) {
    const server = busy({ slots, decodeRate, seed: slots })
    for (const worker of server.workers) worker.demand = 3 * slots
    server.run(600)
    const usualMs = server.workers[0]?.speed.firstTokenMs(200) ?? 0
    assert.ok(usualMs < 80, `${usualMs} with ${slots}`)
  }
})
