/** A journal that is found damaged is mended, and the record says so. */
import assert from 'node:assert/strict'
import { closeSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { checkConfig } from '../../src/config.ts'
import { openHouse } from '../../src/main.ts'
import { silentLog } from '../../src/observe/log.ts'
import { RecordQuery } from '../../src/store/sqlite-record-query.ts'

test('a damaged journal is told of by the process that mends it', async () => {
  const stateDir = mkdtempSync(join(tmpdir(), 'holdfast-news-'))
  const upstreams = { it: { url: 'http://127.0.0.1:1/v1', models: ['m'] } }
  const openAndClose = async (): Promise<void> => {
    const house = await openHouse(checkConfig({ listeners: [{ port: 0 }], stateDir, upstreams }), silentLog)
    await house[Symbol.asyncDispose]()
  }
  try {
    await openAndClose()
    const path = join(stateDir, 'journal.db')
    const file = openSync(path, 'r+')
    const size = statSync(path).size - 8192
    writeSync(file, Buffer.alloc(size, 0xff), 0, size, 8192)
    closeSync(file)
    await openAndClose()
    using reader = new RecordQuery(join(stateDir, 'record.db'))
    const { entries } = reader.latest({ kinds: ['journal'] }, 10)
    const told = entries.map(({ fact }) => (fact.kind === 'journal' ? [fact.state, fact.detail, fact.node] : []))
    assert.equal(told.length, 1)
    assert.deepEqual(told[0]?.[0], 'damaged')
    assert.match(String(told[0]?.[1]), /^the journal was damaged: what can be read was saved: ./)
    assert.equal(told[0]?.[2], `worker-0/${process.pid}`)
  } finally {
    rmSync(stateDir, { recursive: true, maxRetries: 20, retryDelay: 100 })
  }
})
