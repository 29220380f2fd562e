/** Gateways whose upstreams lead back to them: a circle is seen at its first closing, however many stand in it. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { test } from 'node:test'
import { checkConfig } from '../../src/config.ts'
import { type House, openHouse } from '../../src/main.ts'
import { silentLog } from '../../src/observe/log.ts'
import { goodBody, until } from './harness.ts'

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** A house at `port` whose upstreams are these; `worker` only makes its name another. */
function openAt(port: number, upstreamPorts: readonly number[], worker: number): Promise<House> {
  const upstreams = Object.fromEntries(
    upstreamPorts.map((at, i) => [
      `up${i}`,
      // Asked for its metrics, the next house would count one more refusal.
      { url: `http://127.0.0.1:${at}/v1`, kind: 'vllm' as const, models: ['m'], metrics: false as const },
    ]),
  )
  const timeouts = { wholeMs: 5000, totalMs: 10_000, patienceMs: 0 }
  const config = checkConfig({ listeners: [{ port }], journal: { engine: 'memory' }, timeouts, upstreams })
  return openHouse(config, silentLog, worker)
}

async function ask(port: number): Promise<{ status: number; cause: string }> {
  const answer = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: goodBody,
  })
  const { error } = (await answer.json()) as { error: { cause: string } }
  return { status: answer.status, cause: error.cause }
}

for (const count of [1, 2, 3]) {
  test(`a call in a circle of ${count} comes round once and is refused`, { timeout: 60_000 }, async () => {
    const ports: number[] = []
    for (let i = 0; i < count; i++) ports.push(await freePort())
    await using houses = new AsyncDisposableStack()
    const all: House[] = []
    for (const [i, port] of ports.entries())
      all.push(houses.use(await openAt(port, [ports[(i + 1) % count] ?? port], i)))
    assert.deepEqual(await ask(ports[0] ?? 0), { status: 508, cause: 'HF_LOOP' })
    await until('all calls to be over', () => all.every((house) => house.callsLive() === 0))
    const calls = all.reduce((sum, house) => sum + house.metrics.totals.calls, 0)
    assert.equal(calls, count + 1)
  })
}
