// From injected harm to a public incident, in a real gateway: the only server of a model dies, and comes back.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startSim } from '../../lab/start-sim.ts'
import type { StatusView } from '../../src/status/status-view.ts'
import { chat } from '../crash/chat.ts'
import { startGateway } from '../crash/gateway.ts'

const model = 'lab'
const stepMs = 250

async function viewOf(adminUrl: string): Promise<StatusView> {
  return (await (await fetch(`${adminUrl}/status`)).json()) as StatusView
}

/** Four callers call until told to stop, whatever comes of it. */
function keepCalling(url: string): () => Promise<void> {
  let isOver = false
  const calling = [1, 2, 3, 4].map(async (caller) => {
    for (let i = 0; i < 2000 && !isOver; i++) {
      await chat(url, model, `tokens:5 call ${i} of ${caller}`, true).catch(() => {})
      await sleep(200)
    }
  })
  return async () => {
    isOver = true
    await Promise.all(calling)
  }
}

async function until(adminUrl: string, withinMs: number, isSo: (view: StatusView) => boolean): Promise<number> {
  const beganMs = performance.now()
  for (;;) {
    const tookMs = performance.now() - beganMs
    const view = await viewOf(adminUrl)
    if (isSo(view)) return tookMs
    assert(tookMs < withinMs, `not within ${withinMs} ms: ${JSON.stringify(view, null, 1)}`)
    await sleep(stepMs)
  }
}

test('a model that nobody serves any more is a public incident soon, and over soon after its return', async (t) => {
  const first = await startSim({ model, rate: 200 })
  const port = Number(new URL(first.url).port)
  await using parts = new AsyncDisposableStack()
  const gateway = parts.use(await startGateway('--upstream', `${first.url}/v1`, '--log-level', 'error'))
  const stop = keepCalling(gateway.url)
  parts.defer(stop)
  await until(gateway.adminUrl, 30_000, ({ components }) => components.some(({ name }) => name === model))
  assert.equal((await viewOf(gateway.adminUrl)).level, 'operational')

  await first.kill('SIGKILL')
  const openedMs = await until(gateway.adminUrl, 60_000, ({ incidents }) => incidents.length > 0)
  t.diagnostic(`public ${(openedMs / 1000).toFixed(1)} s after the harm began`)
  // Some 15 s, and 90 s; a machine that is busy with other tests may take longer.
  assert(openedMs < 50_000, `${openedMs} ms`)
  await until(gateway.adminUrl, 60_000, ({ level }) => level === 'major_outage')
  const open = await viewOf(gateway.adminUrl)
  const [incident] = open.incidents
  assert(incident)
  assert.equal(incident.components[0]?.name, model)
  assert.equal(incident.causeClass, 'application')
  assert.equal(JSON.stringify(open).includes('127.0.0.1'), false, 'no name of a machine is told')

  const second = await startSim({ model, rate: 200, port })
  parts.defer(() => second.stop())
  const overMs = await until(gateway.adminUrl, 150_000, ({ incidents }) => incidents[0]?.stage === 'resolved')
  t.diagnostic(`over ${(overMs / 1000).toFixed(1)} s after the server was back`)
  assert(overMs < 140_000, `${overMs} ms`)
  const { incidents, level } = await viewOf(gateway.adminUrl)
  assert.equal(incidents.length, 1)
  assert.equal(level, 'operational')
  for (const { stage, text } of incidents[0]?.updates ?? []) t.diagnostic(`${stage}: ${text}`)
})
