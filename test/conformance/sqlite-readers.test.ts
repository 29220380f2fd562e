// Who writes an answer knows whether it is read by another process, and does not take its own readers for that.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { SqliteJournal } from '../../src/store/sqlite-journal.ts'
import { beatMs, Bench, newPlace, passTime } from './journal-bench.ts'
import { JournalFolder } from './sqlite-folder.ts'

const folder = new JournalFolder()
const place = newPlace()
const open = (node: string): Bench =>
  new Bench(
    (clock, options, name, by) => new SqliteJournal(join(folder.path, `${name}.db`), clock, options, by),
    {},
    place,
    node,
  )

test('a reader on another node counts, one on the own does not, and neither does one that has left', async () => {
  await using one = open('one')
  await using two = open('two')
  const { info, entry } = one.begin()
  entry.append(Buffer.from('a'))
  one.moment()
  const isReadElsewhere = (place = one): Promise<boolean> => {
    const told = place.journal.isReadElsewhere(info.ray)
    place.clock.advance(0) // the answers of all that ask in one turn are looked for together
    return told
  }
  assert.equal(await isReadElsewhere(), false)
  const own = await one.journal.open(info.ray)
  await own?.read(0, 1e6)
  passTime([one, two], beatMs)
  assert.equal(await isReadElsewhere(), false)

  const other = await two.journal.open(info.ray)
  await other?.read(0, 1e6)
  passTime([one, two], beatMs)
  assert.equal(await isReadElsewhere(), true)
  assert.equal(await isReadElsewhere(two), false, 'it is not its own')
  for (let i = 0; i < 60; i++) {
    await other?.read(0, 1e6)
    passTime([one, two], beatMs)
    assert.equal(await isReadElsewhere(), true, `after ${i} s`)
  }
  passTime([one, two], 40_000)
  assert.equal(await isReadElsewhere(), false)
})
