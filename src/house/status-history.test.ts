// Tests of what the public page knows of the past: the ledger is fed by looks, read again, and done without if need be.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { checkConfig } from '../config.ts'
import { ManualClock } from '../ground/manual-clock.ts'
import type { SumFact } from '../observe/fact.ts'
import { silentLog } from '../observe/log.ts'
import { Components } from '../status/components.ts'
import { readHarm } from '../status/read-news.ts'
import { MemoryStatusLog } from '../store/memory-status-log.ts'
import { StatusHistory } from './status-history.ts'

const startMs = Date.UTC(2026, 0, 1, 12)

function stage() {
  const stateDir = mkdtempSync(join(tmpdir(), 'holdfast-history-'))
  const clock = new ManualClock(startMs)
  const config = checkConfig({
    stateDir,
    upstreams: { gpu1: { url: 'http://127.0.0.1:1/v1', models: ['m'] } },
    status: { maintenance: [{ title: 'Drivers', from: '2026-01-01T13:00', minutes: 30, upstreams: ['gpu1'] }] },
  })
  const components = new Components([])
  components.learn('m')
  const open = () =>
    new StatusHistory(config, {
      clock,
      log: silentLog,
      recorder: { note: () => {} } as never,
      statusLog: new MemoryStatusLog(),
    })
  const look = (history: StatusHistory, sums: readonly SumFact[]): void => {
    const { tallies } = readHarm(sums, [], components.all)
    history.note({ components: components.all, tallies, sums, calls: [], levelOf: () => 'operational' })
  }
  return {
    stateDir,
    clock,
    open,
    look,
    components,
    [Symbol.dispose]: () => rmSync(stateDir, { recursive: true, force: true }),
  }
}

function sum(code: SumFact['code'], count: number, caller = ''): SumFact {
  return {
    ...{ kind: 'sum', atMs: startMs, node: 'worker-0/1', ray: null, upstream: 'gpu1', code, fromMs: startMs - 10_000 },
    ...{
      route: 'chat',
      model: 'm',
      outcome: code ? 'failed' : 'complete',
      tier: 'standard',
      caller,
      count,
      recordedCount: 0,
    },
    ...{ slowCount: 0, durationMs: 0, firstTokenMs: 0, firstTokenCount: 0, inputTokens: 0, outputTokens: 0 },
    ...{ attemptCount: count, seamCount: 0 },
  }
}

test('looks become days, and what a caller did wrong or was announced is no harm', () => {
  using at = stage()
  using history = at.open()
  for (let i = 0; i < 60; i++) {
    at.look(history, [
      sum(null, 8),
      sum('HF_BAD_CALL', 5),
      sum('HF_MAINTENANCE', 5),
      sum('HF_UPSTREAM_ERROR', 2, 'acme'),
    ])
    at.clock.advance(5000)
  }
  at.clock.advance(120_000)
  const { days, goodShare, uptimeShare } = history.days('m')
  assert.deepEqual(
    days.map(({ day, calls, badCalls }) => [day, calls, badCalls]),
    [['2026-01-01', 600, 120]],
  )
  assert.equal(goodShare, 0.8)
  assert.equal(uptimeShare, 1) // the meter said that all is well
})

test('while its only upstream is closed a component is under maintenance, and its minutes are', () => {
  using at = stage()
  using history = at.open()
  assert.deepEqual(
    history.maintenances(at.components.all).map(({ stage: now, components }) => [now, components]),
    [['scheduled', [{ id: 'm', name: 'm' }]]],
  )
  at.clock.advance(65 * 60_000)
  assert.deepEqual([...history.maintained(at.components.all)], ['m'])
  at.look(history, [])
  at.clock.advance(3 * 60_000)
  at.look(history, [])
  at.clock.advance(3 * 60_000)
  assert.equal(history.days('m').uptimeShare, null) // two minutes were watched, and both were of the window
})

test('a ledger that is damaged is done without', () => {
  using at = stage()
  writeFileSync(join(at.stateDir, 'ledger.db'), 'no database at all, whatever its name may say. '.repeat(100))
  using history = at.open()
  assert.deepEqual(history.days('m').goodShare, null)
  at.look(history, [sum(null, 8)])
  at.clock.advance(180_000)
  assert.equal(history.days('m').goodShare, 1)
})
