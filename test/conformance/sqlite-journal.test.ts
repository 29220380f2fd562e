// The journal in SQLite passes the suite of all journals.
import { join } from 'node:path'
import { SqliteJournal } from '../../src/store/sqlite-journal.ts'
import { journalSuite } from './journal-suite.ts'
import { JournalFolder } from './sqlite-folder.ts'

const folder = new JournalFolder()
const isShared = true
const pathOf = (place: string): string => join(folder.path, `${place}.db`)
journalSuite('sqlite', (clock, options, place, node) => new SqliteJournal(pathOf(place), clock, options, node), {
  isShared,
})
journalSuite(
  'sqlite (full sync, no window)',
  (clock, options, place, node) =>
    new SqliteJournal(pathOf(place), clock, { ...options, sync: 'full', commitWindowMs: 0 }, node),
  { isShared },
)
