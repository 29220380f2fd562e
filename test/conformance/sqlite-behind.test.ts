// The journal in SQLite that keeps events behind their delivery.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Bench } from './journal-bench.ts'
import { JournalFolder, reopening } from './sqlite-folder.ts'

const folder = new JournalFolder()

const newBench = (path = folder.newPath()): Bench => new Bench(reopening(path), { delivery: 'behind' }, path)

describe('with `delivery: behind`', () => {
  test('an event may be delivered at once, and is kept a moment later', async () => {
    await using bench = newBench()
    const noted = bench.begin()
    bench.moment()
    noted.entry.append(Buffer.from('a'))
    noted.entry.append(Buffer.from('b'))
    assert.deepEqual(noted.kept, [1, 2])
    bench.moment()
    assert.deepEqual(await bench.texts(noted), ['a', 'b'])
    assert.equal(Math.max(...noted.kept), 2)
  })

  test('nothing is delivered of an answer before it can be found', async () => {
    await using bench = newBench()
    const noted = bench.begin()
    noted.entry.append(Buffer.from('a'))
    assert.deepEqual(noted.kept, [])
    bench.moment()
    assert.deepEqual(noted.kept, [1])
  })

  test('what could not be kept after all is told', async () => {
    const path = folder.newPath()
    await using bench = newBench(path)
    const noted = bench.begin()
    bench.moment()
    noted.entry.append(Buffer.from('a'))
    assert.equal(await bench.journal.remove(noted.info.ray), true)
    bench.moment()
    assert.deepEqual(
      noted.lost.map(({ code }) => code),
      ['HF_LEASE_LOST'],
    )
    noted.entry.append(Buffer.from('b'))
    assert.equal(Math.max(...noted.kept), 1, 'nothing is delivered any more')
  })
})
