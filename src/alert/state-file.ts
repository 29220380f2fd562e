/**
 * What must outlive this process, in one small file: the alerts that go on, who was told of them, and what objectives
 * have counted. Replaced as a whole; one that cannot be read is laid aside and begun anew.
 */
import { readFileSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import type { Log } from '../observe/log.ts'

const version = 1

export class StateFile<T extends object> {
  #path: string
  #log: Log
  #parse: (value: unknown) => T
  #isWriting = false
  #isBroken = false
  #next: T | null = null
  #pumping: Promise<void> = Promise.resolve()

  /** `parse`: throws for what makes no sense. */
  constructor(path: string, log: Log, parse: (value: unknown) => T) {
    this.#path = path
    this.#parse = parse
    this.#log = log
  }

  /** Null when there is none, or none that makes sense. */
  read(): T | null {
    try {
      const value = JSON.parse(readFileSync(this.#path, 'utf8')) as { version?: unknown } | null
      if (value?.version !== version) throw new Error(`not of version ${version}`)
      return this.#parse(value)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
      this.#log.warn(
        { file: this.#path, detail: String(error).slice(0, 500) },
        'the state of alerts cannot be read and is begun anew',
      )
      return null
    }
  }

  /** In the background; of several that come while one is being written the last. A full disk costs only this. */
  write(state: T): void {
    this.#next = state
    if (this.#isWriting) return
    this.#isWriting = true
    this.#pumping = this.#pump()
  }

  /** The last one; resolves when it is on the disk, or cannot be. */
  async close(state: T): Promise<void> {
    this.write(state)
    await this.#pumping
  }

  async #pump(): Promise<void> {
    for (let state = this.#next; state; state = this.#next) {
      this.#next = null
      try {
        await writeFile(this.#spare(), text(state), { mode: 0o600 })
        await rename(this.#spare(), this.#path)
        this.#isBroken = false
      } catch (error) {
        this.#tell(error)
      }
    }
    this.#isWriting = false
  }

  #spare(): string {
    return `${this.#path}.new`
  }

  #tell(error: unknown): void {
    if (!this.#isBroken) this.#log.warn({ detail: String(error) }, 'the state of alerts cannot be kept')
    this.#isBroken = true
  }
}

function text(state: object): string {
  return JSON.stringify({ version, ...state })
}
