/** The state of alerts: whole or not there at all. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { silentLog } from '../observe/log.ts'
import { StateFile } from './state-file.ts'

interface Count {
  readonly count: number
}

function parse(value: unknown): Count {
  const { count } = value as Count
  if (typeof count !== 'number') throw new Error('no count')
  return { count }
}

test('what was written last is read; what makes no sense is begun anew, with a word in the log', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-state-'))
  const path = join(folder, 'alerts.json')
  let warnings = 0
  const log = { ...silentLog, warn: () => void warnings++ }
  const file = new StateFile(path, log, parse)
  try {
    assert.equal(file.read(), null)
    for (let count = 0; count < 50; count++) file.write({ count })
    await file.close({ count: 50 })
    assert.deepEqual(new StateFile(path, log, parse).read(), { count: 50 })
    assert.equal(warnings, 0)
    for (const text of ['', '{"version":1', 'null', '[]', '{"version":2,"count":1}', '{"version":1,"count":"x"}']) {
      writeFileSync(path, text)
      assert.equal(file.read(), null, text)
    }
    assert.equal(warnings, 6)
    await file.close({ count: 1 })
    assert.equal(readFileSync(path, 'utf8'), '{"version":1,"count":1}')
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('a folder that cannot be written costs a word in the log, and nothing else', async () => {
  const lines: string[] = []
  const log = { ...silentLog, warn: (_: object, message: string) => void lines.push(message) }
  const file = new StateFile('/proc/nowhere/alerts.json', log, parse)
  file.write({ count: 1 })
  await file.close({ count: 2 })
  assert.deepEqual(lines, ['the state of alerts cannot be kept'])
})
