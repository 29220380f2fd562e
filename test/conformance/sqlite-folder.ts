/** A folder for the journal files of one test file, and journals that open one and the same file each time. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before } from 'node:test'
import type { RecoveryLog } from '../../src/store/sqlite-recovery.ts'
import { SqliteJournal } from '../../src/store/sqlite-journal.ts'
import type { OpenJournal } from './journal-bench.ts'

/** Made before the tests of the file and removed after them. */
export class JournalFolder {
  #folder = ''
  #fileCount = 0

  constructor() {
    before(() => void (this.#folder = mkdtempSync(join(tmpdir(), 'holdfast-journal-'))))
    after(() => rmSync(this.#folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }))
  }

  get path(): string {
    return this.#folder
  }

  newPath(): string {
    return join(this.#folder, `journal-${this.#fileCount++}.db`)
  }
}

/** Opens the same file each time, as a gateway does that starts again, or as several do. */
export const reopening =
  (path: string, log: RecoveryLog | null = null): OpenJournal =>
  (clock, options, _place, node) =>
    new SqliteJournal(path, clock, options, node, log)

/** The connection of a journal, for tests that make it fail. */
export function fileOf(journal: unknown): SqliteJournal['file'] {
  return (journal as SqliteJournal).file
}
