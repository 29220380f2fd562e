// A process that writes into the cache is killed, again and again, at any moment: what is found afterwards is right.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemClock } from '../../src/ground/clock.ts'
import { seededRandom } from '../../src/ground/random.ts'
import { SqliteCache } from '../../src/store/sqlite-cache.ts'
import { bodyOf, storeOptions } from './copies.ts'

const rounds = 8

test('after each kill every copy is whole or none, and the limit holds', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-killed-'))
  const random = seededRandom(7)
  let right = 0
  try {
    for (let round = 1; round <= rounds; round++) {
      const writer = join(import.meta.dirname, 'cache-writer.ts')
      const writers = [0, 1].map((i) =>
        spawn(process.execPath, [writer, folder, String(round * 2 + i)], { stdio: ['ignore', 'pipe', 'inherit'] }),
      )
      await Promise.all(writers.map(({ stdout }) => once(stdout, 'data')))
      await new Promise((resolve) => setTimeout(resolve, 50 + Math.floor(random.unit() * 150)))
      for (const each of writers) each.kill('SIGKILL')
      await Promise.all(writers.map((each) => once(each, 'exit')))
      await using store = new SqliteCache(systemClock, storeOptions(folder))
      const { entries, bytes } = store.size
      assert.ok(bytes <= 2_000_000 && bytes >= 0, `${bytes} bytes`)
      const all = store.list({ all: true }, 1000)
      assert.equal(all.length, entries)
      assert.equal(
        all.reduce((sum, each) => sum + each.bytes, 0),
        bytes,
      )
      for (const { key } of all) {
        for (const found of store.find(key)) {
          const body = await store.body(found)
          if (body === null) continue
          right++
          assert.ok(body.equals(bodyOf(key, found.meta)), `${key} ${found.meta}`)
        }
      }
    }
    assert.ok(right > rounds * 5, `${right} copies were found`)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
