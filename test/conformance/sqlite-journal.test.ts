// The journal in SQLite passes the suite of all journals.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before } from 'node:test'
import { SqliteJournal } from '../../src/store/sqlite-journal.ts'
import { journalSuite } from './journal-suite.ts'

let folder = ''
before(() => void (folder = mkdtempSync(join(tmpdir(), 'holdfast-journal-'))))
after(() => rmSync(folder, { recursive: true, force: true }))

const isShared = true
const pathOf = (place: string): string => join(folder, `${place}.db`)
journalSuite('sqlite', (clock, options, place, node) => new SqliteJournal(pathOf(place), clock, options, node), {
  isShared,
})
journalSuite(
  'sqlite (full sync, no window)',
  (clock, options, place, node) =>
    new SqliteJournal(pathOf(place), clock, { ...options, sync: 'full', commitWindowMs: 0 }, node),
  { isShared },
)
