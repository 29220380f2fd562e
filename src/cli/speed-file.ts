/** Where the speeds of servers are kept while the gateway is not running: one small file in the state folder. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readSpeedBook } from '../fleet/read-speed-book.ts'
import { SpeedBook } from '../fleet/speed-book.ts'
import type { Log } from '../observe/log.ts'

const fileName = 'speeds.json'

export class SpeedFile {
  #path: string
  #log: Log
  #kept = ''

  constructor(stateDir: string, log: Log) {
    this.#path = join(stateDir, fileName)
    this.#log = log
  }

  /** What was kept; an empty book where there is nothing, or nothing that can be read. */
  read(nowMs: number): SpeedBook {
    try {
      return readSpeedBook(readFileSync(this.#path, 'utf8'), nowMs)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        this.#log.warn({ path: this.#path }, 'the speeds of servers cannot be read, and are learnt anew')
      return new SpeedBook()
    }
  }

  /** Whole or not at all. A disk that does not take it costs no more than a slower start next time. */
  keep(book: SpeedBook): void {
    const text = book.toString()
    if (text === this.#kept) return
    try {
      writeFileSync(`${this.#path}.new`, text, { mode: 0o600 })
      renameSync(`${this.#path}.new`, this.#path)
      this.#kept = text
    } catch (error) {
      this.#log.debug({ detail: String(error) }, 'the speeds of servers cannot be kept')
    }
  }
}
