/**
 * What a control process has to itself before it begins: the right to run the replicas of a state folder, and what was
 * kept there. Two that ran the same replicas would end each other's: whoever comes second waits till the first is gone.
 */
import { join } from 'node:path'
import type { Notebook } from '../control/notebook.ts'
import type { Clock } from '../ground/clock.ts'
import type { Log } from '../observe/log.ts'
import { isBusy } from '../store/sqlite-file.ts'
import { SqliteLock } from '../store/sqlite-lock.ts'
import { SqliteNotebook } from '../store/sqlite-notebook.ts'

const waitMs = 1000
/** Who begins without what was kept goes back to the configured releases: whoever reads the file is waited for. */
const busyMsMax = 60_000
const otherWords =
  'another gateway runs the replicas of this state folder: give this one a folder of its own (`stateDir`), or end the other'
const busyWords = 'another program holds `control.db`: what was kept of deployments cannot be read until it lets go'

export interface ControlStateParts {
  readonly clock: Clock
  readonly log: Log
  /** Called once a second while it waits, with what it waits for. */
  readonly onWaiting: (words: string) => void
}

export class ControlState {
  readonly #folder: string
  readonly #parts: ControlStateParts
  #lock: SqliteLock | null = null
  #told = ''

  constructor(folder: string, parts: ControlStateParts) {
    this.#folder = folder
    this.#parts = parts
  }

  /** What was kept, once it may begin. The right goes with the process. */
  async take(): Promise<Notebook> {
    while (!this.#isAlone()) await this.#wait(otherWords)
    const { clock } = this.#parts
    for (const beganMs = clock.monotonicMs(); ; ) {
      try {
        return SqliteNotebook.open(join(this.#folder, 'control.db'), clock, (detail) => this.#warn(detail))
      } catch (cause) {
        const mayWait = isBusy(cause) && clock.monotonicMs() - beganMs < busyMsMax
        if (!mayWait) return this.#forgetful(cause)
        await this.#wait(busyWords)
      }
    }
  }

  #isAlone(): boolean {
    try {
      this.#lock ??= SqliteLock.take(join(this.#folder, 'control.lock'))
      return this.#lock !== null
    } catch (cause) {
      const detail = String(cause)
      this.#parts.log.warn({ detail }, 'nobody can say whether another gateway uses this state folder')
      return true
    }
  }

  /** Where nothing can be kept, replicas are run all the same. */
  #forgetful(cause: unknown): Notebook {
    this.#warn(`it cannot be kept: ${String(cause)}`)
    return { read: () => null, write: () => {} }
  }

  async #wait(words: string): Promise<void> {
    const { clock, log, onWaiting } = this.#parts
    if (this.#told !== words) log.error({ stateDir: this.#folder }, words)
    this.#told = words
    onWaiting(words)
    await new Promise<void>((resolve) => clock.after(waitMs, resolve))
  }

  #warn(detail: string): void {
    this.#parts.log.error({ detail }, 'the state of deployments')
  }
}
