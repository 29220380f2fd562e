// The journal in memory passes the suite of all journals.
import { MemoryJournal } from '../../src/store/memory-journal.ts'
import { journalSuite } from './journal-suite.ts'

journalSuite('memory', (clock, options) => new MemoryJournal(clock, options), { isShared: false })
