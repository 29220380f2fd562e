// Questions as vectors: found by their scope, within bounds, by all processes, and lost without harm.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { ManualClock } from '../ground/manual-clock.ts'
import { countVectors, purgeVectors, SqliteVectors, type SqliteVectorsOptions } from './sqlite-vectors.ts'

let folder: string
let path: string
const clock = new ManualClock()
const told: string[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-vectors-'))
  path = join(folder, 'vectors.db')
  told.length = 0
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const open = (options: Partial<SqliteVectorsOptions> = {}): SqliteVectors =>
  new SqliteVectors(clock, {
    path,
    perScopeMax: 3,
    vectorsMax: 60,
    warn: (detail) => void told.push(detail),
    ...options,
  })
const put = (store: SqliteVectors, scope: string, name: string, value = 1, ms = 1000): Promise<boolean> =>
  store.put({
    ...{ scope, name, caller: 'ann', model: 'm', untilMs: clock.nowMs() + ms },
    vector: Float32Array.of(value, 0),
    wording: 'w',
  })

describe('the store of questions', () => {
  test('gives those of a scope, the newest first, to all processes, and after a restart', async () => {
    {
      using one = open()
      using two = open()
      await put(one, 'a', 'first')
      assert.deepEqual(two.of('a').names, ['first'])
      await put(two, 'a', 'second', 2)
      await put(two, 'b', 'other')
      assert.deepEqual(
        [one.of('a').names, two.of('a').names],
        [
          ['second', 'first'],
          ['second', 'first'],
        ],
      )
      await put(one, 'a', 'first', 3) // takes the place of the old one
      assert.deepEqual(two.of('a').names, ['first', 'second'])
      assert.deepEqual([...(two.of('a').vectors[0] ?? [])], [3, 0])
    }
    using again = open()
    assert.deepEqual(again.of('a').names, ['first', 'second'])
    assert.deepEqual(again.of('c').names, [])
  })

  test('keeps so many of a scope, and of all, and none beyond their time', async () => {
    using store = open()
    for (const name of ['1', '2', '3', '4', '5']) await put(store, 'a', name)
    assert.deepEqual(store.of('a').names, ['5', '4', '3'])
    for (let i = 0; i < 200; i++) await put(store, `s${i}`, 'n')
    assert.ok(countVectors(path, clock, { key: null, model: null }) <= 110)
    await put(store, 'b', 'short', 1, 10)
    await put(store, 'b', 'long', 1, 1000)
    assert.deepEqual(store.of('b').names, ['long', 'short'])
    clock.advance(10)
    assert.deepEqual(store.of('b').names, ['long'])
  })

  test('does with memory where there can be no file', async () => {
    mkdirSync(path)
    using store = open()
    assert.match(told.join(), /in the memory of this worker/)
    assert.ok(await put(store, 'a', 'n'))
    assert.deepEqual(store.of('a').names, ['n'])
  })

  test('purges by key and model, and begins anew where its file is damaged', async () => {
    {
      using store = open()
      await put(store, 'a', 'n')
      await purgeVectors(path, clock, { key: 'bob', model: null })
      assert.equal(countVectors(path, clock, { key: 'ann', model: 'm' }), 1)
      await purgeVectors(path, clock, { key: 'ann', model: null })
      assert.equal(countVectors(path, clock, { key: null, model: null }), 0)
    }
    for (const end of ['-wal', '-shm']) rmSync(`${path}${end}`, { force: true })
    writeFileSync(path, Buffer.alloc(8192, 'x'))
    using store = open()
    assert.equal(told.length, 1)
    assert.ok(await put(store, 'a', 'n'))
    assert.deepEqual(store.of('a').names, ['n'])
  })
})
