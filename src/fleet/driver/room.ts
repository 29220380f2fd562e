/** What is left on this machine: memory, and room on disks. */
import { statfsSync } from 'node:fs'
import type { Disk } from '../driver.ts'

/** What processes may still take, without the machine having to swap; bytes. */
export function availableMemory(): number {
  return process.availableMemory()
}

/** Disks, asked once each at a look. */
export class Room {
  #own: string
  #disks = new Map<string, Disk | null>()

  /** @param own folder to which all write: their logs */
  constructor(own: string) {
    this.#own = own
  }

  /** The fuller one of its folder's disk and that of its log. */
  of(folder: string | undefined): Disk | null {
    const disks = [this.#own, ...(folder === undefined ? [] : [folder])].map((path) => this.#ask(path))
    return disks.reduce((least, each) => (least && (!each || least.freeBytes <= each.freeBytes) ? least : each), null)
  }

  #ask(path: string): Disk | null {
    let disk = this.#disks.get(path)
    if (disk === undefined) this.#disks.set(path, (disk = ask(path)))
    return disk
  }
}

function ask(path: string): Disk | null {
  try {
    const { bavail, blocks, bsize } = statfsSync(path)
    return { path, freeBytes: bavail * bsize, bytes: blocks * bsize }
  } catch {
    return null // It is gone, or cannot be looked at.
  }
}
