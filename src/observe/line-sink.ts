/**
 * Where the lines of the log go: a file or a descriptor, written in the background in large pieces. A disk that is full
 * or a reader that has stopped costs lines, never a call: what waits is bounded, and no error leaves here. Ours,
 * because
 * the logger's own stream tries for ever at the end of a process whose disk is full.
 */
import { mkdirSync, openSync, write, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Clock } from '../ground/clock.ts'

/** Lines are gathered up to this, or for `gatherMs`. */
const pieceBytes = 32 * 2 ** 10
const gatherMs = 500
/** What may wait; further lines are lost. */
const waitingBytesMax = 16 * 2 ** 20
/** At the end: how often a descriptor that is busy is tried again, and after how long. */
const busyTriesMax = 100
const busyMs = 10

const nothing: Buffer = Buffer.alloc(0)

export class LineSink {
  #fd: number
  #lines: string[] = []
  #linesLength = 0
  /** Being written, or to be written again after an error. */
  #piece = nothing
  #isWriting = false
  #lostCount = 0

  /** `target`: a file, or a descriptor. @throws {Error} when the file cannot be opened */
  constructor(target: string | number, clock: Clock) {
    this.#fd = typeof target === 'string' ? openFile(target) : target
    clock.every(gatherMs, () => this.#pump())
  }

  /** Lines that found no room. */
  get lostCount(): number {
    return this.#lostCount
  }

  write(line: string): void {
    if (this.#linesLength + line.length > waitingBytesMax) {
      this.#lostCount++
      return
    }
    this.#lines.push(line)
    this.#linesLength += line.length
    if (this.#linesLength >= pieceBytes && this.#piece.length === 0) this.#pump()
  }

  /** Writes what waits before it returns, as far as the system takes it. */
  flush(): void {
    let rest = Buffer.concat([this.#isWriting ? nothing : this.#piece, this.#takeLines()])
    if (!this.#isWriting) this.#piece = nothing
    for (let tries = 0; rest.length > 0 && tries < busyTriesMax; ) {
      try {
        rest = rest.subarray(writeSync(this.#fd, rest))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return
        tries++
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, busyMs)
      }
    }
  }

  #takeLines(): Buffer {
    const text = this.#lines.join('')
    this.#lines = []
    this.#linesLength = 0
    return Buffer.from(text)
  }

  #pump(): void {
    if (this.#isWriting) return
    if (this.#piece.length === 0) this.#piece = this.#takeLines()
    if (this.#piece.length === 0) return
    this.#isWriting = true
    write(this.#fd, this.#piece, (error, count) => {
      this.#isWriting = false
      if (error) return // the timer tries again
      this.#piece = this.#piece.subarray(count)
      if (this.#piece.length > 0 || this.#linesLength >= pieceBytes) this.#pump()
    })
  }
}

function openFile(path: string): number {
  try {
    mkdirSync(dirname(path), { recursive: true })
    return openSync(path, 'a')
  } catch (cause) {
    throw new Error(`the log ${path} cannot be opened: ${String(cause)}. Choose another place with \`log.file\`.`, {
      cause,
    })
  }
}
