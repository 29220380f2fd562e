/** The contract of the quarantine, in memory and in SQLite. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemClock } from '../../src/ground/clock.ts'
import { MemoryQuarantine } from '../../src/store/memory-quarantine.ts'
import { condemnedMax, deathsMax, type Quarantine } from '../../src/store/quarantine.ts'
import { SqliteQuarantine } from '../../src/store/sqlite-quarantine.ts'

const trace = { place: 3, ageMs: 12, isStream: true, ray: 'r' }
const folder = mkdtempSync(join(tmpdir(), 'holdfast-quarantine-'))
test.after(() => rmSync(folder, { recursive: true, force: true }))
const path = join(folder, 'quarantine.db')
const kinds: Readonly<Record<string, () => Quarantine>> = {
  memory: () => new MemoryQuarantine(),
  sqlite: () => {
    rmSync(path, { force: true })
    return SqliteQuarantine.open(path, systemClock)
  },
}
const condemned = (key: string, atMs = 100) => ({
  ...{ key, model: 'm', route: 'chat', ray: 'r', atMs },
  ...{ untilMs: atMs + 1000, upstreams: ['s1', 's2'] },
})

for (const [name, open] of Object.entries(kinds)) {
  test(`${name}: deaths are told with what was there; who is acquitted is forgotten`, () => {
    using store = open()
    const version = store.version()
    const suspects = new Map([
      ['aa', trace],
      ['bb', { ...trace, isStream: false }],
    ])
    store.note({ id: '1', upstream: 's1', atMs: 50, suspects })
    store.note({ id: '1', upstream: 's1', atMs: 50, suspects: suspects.set('cc', trace) })
    assert.notEqual(store.version(), version)
    store.acquit('aa')
    const [death] = store.deaths(0)
    assert.deepEqual(
      [...(death?.suspects ?? [])].toSorted(([a], [b]) => (a < b ? -1 : 1)),
      [
        ['bb', { ...trace, isStream: false }],
        ['cc', trace],
      ],
    )
    assert.equal(store.deaths(51).length, 0)
    store.condemn(condemned('bb'))
    assert.equal(store.deaths(0)[0]?.isExplained, true)
    for (let i = 0; i < deathsMax + 20; i++)
      store.note({ id: `x${i}`, upstream: 's', atMs: 100 + i, suspects: new Map() })
    assert.equal(store.deaths(0).length, deathsMax)
  })

  test(`${name}: what is condemned is refused until its time is over, or it is released`, () => {
    using store = open()
    assert.equal(store.condemn(condemned('aabbccdd')), true)
    assert.equal(store.condemn(condemned('aabbccdd')), false)
    store.countRefusal('aabbccdd')
    assert.deepEqual(store.condemned(200), [{ ...condemned('aabbccdd'), refusedCount: 1 }])
    assert.deepEqual(store.condemned(1100), [])
    store.condemn(condemned('aabbccee', 2000))
    assert.equal(store.release('aabbcc99'), 0)
    assert.equal(store.release('aabbccee'), 1)
    for (let i = 0; i < condemnedMax + 5; i++) store.condemn(condemned(`k${i}`, 3000 + i))
    assert.equal(store.condemned(3000).length, condemnedMax)
    store.release('')
    assert.deepEqual(store.condemned(3000), [])
  })

  test(`${name}: one suspect at a server, and each at one server, for a while`, () => {
    using store = open()
    assert.equal(store.enter('s1', 'aa', 0, 100), true)
    assert.equal(store.enter('s1', 'bb', 1, 100), false)
    assert.equal(store.enter('s2', 'aa', 1, 100), false)
    assert.equal(store.enter('s2', 'bb', 1, 100), true)
    store.leave('aa')
    assert.equal(store.enter('s1', 'cc', 2, 100), true)
    assert.equal(store.enter('s2', 'dd', 101, 200), true)
  })
}

test('what one process writes another sees', () => {
  using one = SqliteQuarantine.open(join(folder, 'shared.db'), systemClock)
  using other = SqliteQuarantine.open(join(folder, 'shared.db'), systemClock)
  const version = other.version()
  one.condemn(condemned('aa'))
  assert.notEqual(other.version(), version)
  assert.equal(other.condemned(200).length, 1)
})
