/** A look at one answer on the simulated disk. */
import type { AnswerInfo, JournalCursor, Outcome } from '../../src/store/journal.ts'
import type { Row, WorldDisk } from './world-disk.ts'

export class WorldCursor implements JournalCursor {
  readonly info: AnswerInfo
  outcome: Outcome | null = null
  count = 0
  isCancelled = false
  isOrphan = false
  #disk: WorldDisk
  #wait: () => Promise<void>
  #isWaited: () => boolean

  /**
   * @param row null for an answer that was begun here a moment ago, so that the disk does not know it yet.
   * @param wait resolves when the disk has found its place.
   * @param isWaited the disk is still to learn of it.
   */
  constructor(disk: WorldDisk, info: AnswerInfo, row: Row | null, wait: () => Promise<void>, isWaited: () => boolean) {
    this.#disk = disk
    this.#wait = wait
    this.#isWaited = isWaited
    this.info = info
    if (row) this.#look(row)
  }

  async read(from: number, bytesMax: number): Promise<readonly Buffer[] | null> {
    await this.#wait()
    const row = this.#disk.find(this.info.ray)
    if (!row) return this.#isWaited() ? [] : null
    row.readMs = this.#disk.clock.monotonicMs()
    this.#look(row)
    const events: Buffer[] = []
    let bytes = 0
    for (const { event } of row.events.slice(Math.max(0, from))) {
      bytes += event.length
      if (events.length > 0 && bytes > bytesMax) break
      events.push(event)
    }
    return events
  }

  #look(row: Row): void {
    this.outcome = row.outcome
    this.count = row.events.length
    this.isCancelled = row.isCancelled
    this.isOrphan = this.#disk.isOrphan(row)
  }
}
