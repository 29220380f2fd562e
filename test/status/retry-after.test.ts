// A gateway that has seen many short outages tells its callers when this one will be over, and not to come each second.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { entryText } from '../../src/status/read-entry.ts'
import { SqliteStatusLog, statusFileName } from '../../src/store/sqlite-status-log.ts'
import { freePort, startGateway } from '../crash/gateway.ts'

const hourMs = 3_600_000
/** Outages of one to five minutes, one an hour. */
const pastCount = 80

function writePast(state: string): void {
  using log = new SqliteStatusLog(join(state, statusFileName))
  for (let i = 0; i < pastCount; i++) {
    const beganMs = Date.now() - (pastCount + 1 - i) * hourMs
    const base = { id: `past-${i}`, by: 'holdfast' }
    const affected = [{ component: 'm', level: 'major_outage', worst: 'major_outage', total: 9, bad: 9 }] as const
    const opened = { kind: 'opened', title: 'm: most calls fail', stage: 'investigating', text: '' } as const
    log.append(entryText({ ...base, ...opened, atMs: beganMs + 9000, beganMs, blame: null, affected }))
    const atMs = beganMs + (1 + (i % 5)) * 60_000
    log.append(entryText({ ...base, kind: 'updated', atMs, stage: 'resolved', affected: [], text: '' }))
  }
}

test('in an outage that will be over in minutes callers are told so, in the body to the millisecond', async (t) => {
  const state = mkdtempSync(join(tmpdir(), 'holdfast-retry-after-'))
  t.after(() => rmSync(state, { recursive: true, force: true, maxRetries: 5 }))
  writePast(state)
  const config = join(state, 'holdfast.json')
  const dead = { url: `http://127.0.0.1:${await freePort()}/v1`, models: ['m'] }
  writeFileSync(config, JSON.stringify({ upstreams: { dead }, workers: 1, log: { level: 'error' } }))
  await using gateway = await startGateway('--config', config, '--state', state)
  const ask = async (): Promise<{ headerMs: number; header: number; bodyMs: number; cause: string }> => {
    const body = JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'hello' }] })
    const answer = await fetch(`${gateway.url}/v1/chat/completions`, { method: 'POST', body })
    const { error } = (await answer.json()) as { error: { retry_after_ms: number; cause: string } }
    const [header, headerMs] = ['retry-after', 'retry-after-ms'].map((name) => Number(answer.headers.get(name)))
    return { header: header ?? 0, headerMs: headerMs ?? 0, bodyMs: error.retry_after_ms, cause: error.cause }
  }
  const first = await ask()
  assert.ok(first.bodyMs <= 60_000, `at first nobody knows: ${JSON.stringify(first)}`)
  const endMs = performance.now() + 60_000
  let told = first
  while (told.bodyMs <= 60_000) {
    assert.ok(performance.now() < endMs, `never told: ${JSON.stringify(told)}`)
    await sleep(250)
    told = await ask()
  }
  t.diagnostic(JSON.stringify(told))
  // The median of what is left, of outages of one to five minutes, and up to a third more.
  assert.ok(told.bodyMs < 330_000, JSON.stringify(told))
  assert.ok(told.header > 44 && told.header <= 60 && told.headerMs <= 60_000, JSON.stringify(told))
  const again = await ask()
  assert.notEqual(again.bodyMs, told.bodyMs, 'not all come back in one moment')
})
