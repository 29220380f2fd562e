/**
 * Moves what was committed out of the write-ahead log of a SQLite file that others write, apart from them: whoever
 * writes would wait for the disk meanwhile (measured: 20 ms for 4 MiB), and with it all calls of that process.
 *
 * A log that is never moved out to its last page grows for ever, since its writers go on while it is moved. So most of
 * it is moved beside them, and now and then the little that is left while they wait; they then begin it anew.
 */
import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'

/** Pages that are waiting to be moved before it is worth the disk's time: 4 MiB. */
const pagesMin = 1000
/** From this length on the log is begun anew. */
const pagesMax = 6000
/** Writers let go of the file after some milliseconds; if not, the next look will do. */
const busyMs = 50

/** In the header of the log's index (SQLite, "WAL-Index File Format"): its length, and how much of it was moved. */
const headerBytes = 100
const lengthAt = 16
const movedAt = 96

export class SqliteCheckpoint implements Disposable {
  #path: string
  #database: DatabaseSync | null = null
  #inode = 0
  #header = Buffer.alloc(headerBytes)

  /** `path`: of the database; it need not be there yet. */
  constructor(path: string) {
    this.#path = path
  }

  /** Does what is due. @throws {Error} in SQLite's words when the file cannot be used. */
  look(): void {
    const pages = this.#waiting()
    if (!pages || (pages.waiting < pagesMin && pages.length < pagesMax)) return
    const database = this.#open()
    if (!database) return
    database.exec('PRAGMA wal_checkpoint(PASSIVE)')
    if (pages.length >= pagesMax) database.exec('PRAGMA wal_checkpoint(RESTART)')
  }

  [Symbol.dispose](): void {
    this.#database?.close()
    this.#database = null
  }

  /** Null where there is no log. */
  #waiting(): { waiting: number; length: number } | null {
    let index: number
    try {
      index = openSync(`${this.#path}-shm`, 'r')
    } catch {
      return null
    }
    try {
      if (readSync(index, this.#header, 0, headerBytes, 0) < headerBytes) return null
    } finally {
      closeSync(index)
    }
    const read = (at: number): number =>
      new DataView(this.#header.buffer, this.#header.byteOffset).getUint32(at, isLittle)
    const length = read(lengthAt)
    return { waiting: length - read(movedAt), length }
  }

  /** A damaged file is replaced by a mended one of the same name. */
  #open(): DatabaseSync | null {
    const inode = statSync(this.#path, { throwIfNoEntry: false })?.ino
    if (inode === undefined) return null
    if (this.#database && inode === this.#inode) return this.#database
    this[Symbol.dispose]()
    this.#inode = inode
    this.#database = new DatabaseSync(this.#path)
    this.#database.exec(`PRAGMA busy_timeout = ${busyMs}`)
    return this.#database
  }
}

/** The index is written as the machine writes numbers. */
const isLittle = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1
