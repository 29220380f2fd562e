// The store of copies on the disk: its limits, who stays, what a crash leaves, and that several processes share it.
import assert from 'node:assert/strict'
import { existsSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ManualClock } from '../ground/manual-clock.ts'
import type { NewEntry } from './cache-store.ts'
import { SqliteCache, type SqliteCacheOptions } from './sqlite-cache.ts'

const nowMs = Date.UTC(2026, 0, 1)

async function withFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-copies-'))
  try {
    await run(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function open(
  folder: string | null,
  more: Partial<SqliteCacheOptions> = {},
  clock = new ManualClock(nowMs),
): SqliteCache {
  return new SqliteCache(clock, {
    path: folder === null ? null : join(folder, 'cache.db'),
    folder: join(folder ?? tmpdir(), 'bodies'),
    bytesMax: 1_000_000,
    memoryBytesMax: 100_000,
    entryBytesMax: 200_000,
    warn: () => {},
    ...more,
  })
}

const entry = (key: string, bytes: number, more: Partial<NewEntry> = {}): NewEntry => ({
  ...{ key, variant: '', meta: `of ${key}`, tags: [] },
  body: Buffer.alloc(bytes, key.at(-1)),
  ...more,
})

async function bodyOf(store: SqliteCache, key: string): Promise<string | null> {
  const [found] = store.find(key)
  return found ? ((await store.body(found))?.toString() ?? null) : null
}

for (const kind of ['on the disk', 'in memory'] as const) {
  const inPlace = (run: (folder: string | null) => Promise<void>): Promise<void> =>
    kind === 'in memory' ? run(null) : withFolder(run)

  test(`${kind}: what is put is found, by key and variant, and replaced by the same`, () =>
    inPlace(async (folder) => {
      await using store = open(folder)
      for (const [variant, bytes] of [
        ['a', 10],
        ['b', 0],
        ['c', 100_000],
      ] as const)
        assert.ok(store.put(entry('/x', bytes, { variant, meta: variant })))
      assert.deepEqual(
        store.find('/x').map(({ meta, bodyBytes }) => [meta, bodyBytes]),
        [
          ['a', 10],
          ['b', 0],
          ['c', 100_000],
        ],
      )
      for (const found of store.find('/x')) assert.equal((await store.body(found))?.length, found.bodyBytes)
      const [first] = store.find('/x')
      store.put(entry('/x', 5, { variant: 'a', meta: 'new' }))
      assert.equal(store.size.entries, 3)
      assert.ok(store.find('/x').every(({ id }) => id !== first?.id))
      assert.deepEqual(store.find('/y'), [])
    }))

  test(`${kind}: never more than the limit; what was used stays`, () =>
    inPlace(async (folder) => {
      const clock = new ManualClock(nowMs)
      await using store = open(folder, { bytesMax: 200_000 }, clock)
      for (let i = 0; i < 100; i++) {
        store.put(entry(`/${i}`, 10_000))
        assert.ok(store.size.bytes <= 200_000, `${i}: ${store.size.bytes}`)
        assert.equal((await bodyOf(store, '/0'))?.length, 10_000, `/0 after ${i}`)
        clock.advance(2000)
      }
      assert.deepEqual([store.find('/50'), store.find('/99').length], [[], 1])
      // One that would push out most of the others is not let in.
      assert.equal(store.put(entry('/large', 60_000)), null)
    }))

  test(`${kind}: dropped by key, by beginning, by tag, all`, () =>
    inPlace(async (folder) => {
      await using store = open(folder)
      for (const [key, ...tags] of [
        ['/a/1', 'red'],
        ['/a/2', 'red', 'blue'],
        ['/b/1', 'blue'],
        ['/a', 'x'],
        ['/c', 'x'],
      ] as const)
        store.put(entry(key, 40_000, { tags }))
      assert.equal(store.drop({ key: '/c' }), 1)
      assert.equal(store.drop({ prefix: '/a/' }), 2)
      assert.equal(store.drop({ tag: 'red' }), 0)
      assert.equal(store.drop({ tag: 'blue' }), 1)
      assert.deepEqual(
        store.list({ all: true }, 10).map(({ key }) => key),
        ['/a'],
      )
      assert.equal(store.drop({ all: true }), 1)
      assert.deepEqual({ ...store.size }, { entries: 0, bytes: 0 })
    }))
}

test('a body is whole in its file before it is known by its name; dropped, the file goes', () =>
  withFolder(async (folder) => {
    {
      await using store = open(folder)
      store.put(entry('/x', 100_000))
    }
    assert.deepEqual(readdirSync(join(folder, 'bodies')).length, 1)
    await using again = open(folder, { memoryBytesMax: 1000 })
    assert.equal((await bodyOf(again, '/x'))?.length, 100_000)
    const [found] = again.find('/x')
    again.renew(found as NonNullable<typeof found>, 'renewed')
    assert.equal(again.find('/x')[0]?.meta, 'renewed')
    again.drop({ all: true })
    while (readdirSync(join(folder, 'bodies')).length > 0) await new Promise((resolve) => setTimeout(resolve, 5))
  }))

test('two processes see the same; what one drops is gone for the other, from its memory, too', () =>
  withFolder(async (folder) => {
    await using one = open(folder)
    await using two = open(folder)
    one.put(entry('/x', 1000))
    assert.equal((await bodyOf(two, '/x'))?.length, 1000)
    two.drop({ key: '/x' })
    assert.equal(await bodyOf(one, '/x'), null)
    two.put(entry('/x', 20))
    assert.equal((await bodyOf(one, '/x'))?.length, 20)
  }))

test('what a crash leaves: an entry without its file is none, a file without its entry is removed in time', () =>
  withFolder(async (folder) => {
    {
      await using store = open(folder)
      store.put(entry('/lost', 100_000))
      store.put(entry('/short', 100_000))
      store.put(entry('/gone', 10))
      store.drop({ key: '/gone' })
    }
    const bodies = join(folder, 'bodies')
    const [lost = '', short = ''] = readdirSync(bodies).toSorted(
      (a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10),
    )
    rmSync(join(bodies, lost))
    writeFileSync(join(bodies, short), 'half')
    for (const name of ['77.body', '1.body.part', '3.body']) writeFileSync(join(bodies, name), 'stray')
    utimesSync(join(bodies, '1.body.part'), nowMs / 1000 - 1000, nowMs / 1000 - 1000)
    utimesSync(join(bodies, '3.body'), nowMs / 1000, nowMs / 1000)
    await using store = open(folder)
    assert.deepEqual([await bodyOf(store, '/lost'), await bodyOf(store, '/short')], [null, null])
    while (existsSync(join(bodies, '77.body')) || existsSync(join(bodies, '1.body.part')))
      await new Promise((resolve) => setTimeout(resolve, 5))
    // It is young, and its number was given: its entry may have been dropped a moment ago, by another process.
    assert.ok(existsSync(join(bodies, '3.body')))
  }))

test('a damaged file, or one of another layout, is begun anew', () =>
  withFolder(async (folder) => {
    const told: string[] = []
    writeFileSync(join(folder, 'cache.db'), 'no database at all, by no means, for it is text. '.repeat(100))
    await using store = open(folder, { warn: (detail) => told.push(detail) })
    assert.ok(store.put(entry('/x', 10)))
    assert.equal(told.length, 1)
  }))

test('a large one finds no room among thousands of small ones at once, but in a few goes', () =>
  withFolder(async (folder) => {
    await using store = open(folder, { bytesMax: 600_000 })
    for (let i = 0; i < 1200; i++) store.put(entry(`/${i}`, 1))
    let goes = 1
    while (store.put(entry('/large', 140_000)) === null) {
      goes++
      assert.ok(store.size.bytes <= 600_000)
    }
    assert.ok(goes > 1 && goes < 10, `${goes} goes`)
    assert.ok(store.size.bytes <= 600_000)
    const { entries } = store.size
    assert.ok(entries > 500)
    assert.equal(store.drop({ all: true }), entries)
    assert.deepEqual({ ...store.size }, { entries: 0, bytes: 0 })
  }))

test('the variants of one key are bounded', () =>
  withFolder(async (folder) => {
    await using store = open(folder)
    for (let i = 0; i < 200; i++) store.put(entry('/x', 10, { variant: String(i) }))
    assert.equal(store.size.entries, 64)
    assert.equal(store.find('/x').at(-1)?.meta, 'of /x')
  }))
