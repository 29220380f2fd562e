/** That one process alone does something: a lock of the operating system on a file, which goes with the process. */
import { chmodSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { isBusy } from './sqlite-file.ts'

export class SqliteLock implements Disposable {
  readonly #database: DatabaseSync

  /** Null while another one has it. @throws where the file system knows no locks, or has no room. */
  static take(path: string): SqliteLock | null {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    const database = new DatabaseSync(path)
    try {
      chmodSync(path, 0o600)
      database.exec('PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE')
      return new SqliteLock(database)
    } catch (cause) {
      database.close()
      if (isBusy(cause)) return null
      throw cause
    }
  }

  private constructor(database: DatabaseSync) {
    this.#database = database
  }

  [Symbol.dispose](): void {
    this.#database.close()
  }
}
