/** A folder of files, read for whoever asks: nothing outside of it, not by a link either. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readFile, realpath, stat } from 'node:fs/promises'
import { join, sep } from 'node:path'
import type { Readable } from 'node:stream'
import type { Clock } from '../../ground/clock.ts'
import { MemoryBodies } from '../../store/memory-bodies.ts'

/** So long what is known of a file is taken for true. */
const lookMs = 1000
const knownMax = 4096
/** Larger files are read anew for each reader. */
const heldBytesMax = 2 * 2 ** 20

/** What is remembered of a file; its bytes are elsewhere, within a limit of their own. */
interface FileFacts {
  readonly id: number
  readonly path: string
  readonly bytes: number
  readonly changedMs: number
  /** Strong: of another content it is another. */
  readonly etag: string
  readonly isSmall: boolean
}

export interface FoundFile extends FileFacts {
  /** Null where it is too large to be held. */
  readonly whole: Buffer | null
}

export type Found = FoundFile | 'folder' | null

interface Known {
  readonly facts: FileFacts | 'folder' | null
  readonly lookedMs: number
  /** What the system said of the file, for comparison. */
  readonly mark: string
}

interface Seen {
  readonly path: string
  readonly mark: string
  readonly bytes: number
  readonly changedMs: number
}

export class Folder {
  #root: string
  #realRoot: Promise<string>
  #clock: Clock
  #known = new Map<string, Known>()
  #looking = new Map<string, Promise<Found>>()
  #bodies: MemoryBodies
  #lastId = 0

  constructor(root: string, clock: Clock, heldBytesAllMax: number) {
    this.#root = root
    this.#clock = clock
    this.#bodies = new MemoryBodies(heldBytesAllMax)
    this.#realRoot = realpath(root)
    this.#realRoot.catch(() => {})
  }

  /** `segments`: as `safeSegments` gives them. Null for nothing that may be read. */
  async find(segments: readonly string[]): Promise<Found> {
    const name = segments.join('/')
    const known = this.#known.get(name)
    if (known && this.#clock.monotonicMs() - known.lookedMs < lookMs) {
      const found = this.#foundOf(known)
      if (found !== undefined) return found
    }
    const underWay = this.#looking.get(name)
    if (underWay) return await underWay
    const look = this.#look(name, known).finally(() => this.#looking.delete(name))
    this.#looking.set(name, look)
    return await look
  }

  /** Both ends inclusive. */
  read({ path, whole }: FoundFile, from: number, to: number): Buffer | Readable {
    return whole?.subarray(from, to + 1) ?? createReadStream(path, { start: from, end: to })
  }

  /** Nothing where its bytes are no longer held. */
  #foundOf({ facts }: Known): Found | undefined {
    if (facts === null || facts === 'folder') return facts
    const whole = facts.isSmall ? this.#bodies.get(facts.id) : null
    return facts.isSmall && whole === null ? undefined : { ...facts, whole }
  }

  async #look(name: string, known: Known | undefined): Promise<Found> {
    const lookedMs = this.#clock.monotonicMs()
    const seen = await this.#stat(name)
    if (seen === null || seen === 'folder') {
      this.#note(name, { facts: seen, lookedMs, mark: '' })
      return seen
    }
    const held = known?.mark === seen.mark ? this.#foundOf(known) : undefined
    if (known && held !== undefined) {
      this.#note(name, { ...known, lookedMs })
      return held
    }
    const isSmall = seen.bytes <= heldBytesMax
    const whole = isSmall ? await readFile(seen.path).catch(() => null) : null
    if (isSmall && whole === null) return null
    const { path, mark, changedMs } = seen
    const etag = whole ? createHash('sha256').update(whole).digest('base64url').slice(0, 22) : mark
    const facts = {
      id: ++this.#lastId,
      path,
      bytes: whole?.length ?? seen.bytes,
      changedMs,
      etag: `"${etag}"`,
      isSmall,
    }
    if (whole) this.#bodies.put(facts.id, whole)
    this.#note(name, { facts, lookedMs, mark })
    return { ...facts, whole }
  }

  async #stat(name: string): Promise<Seen | 'folder' | null> {
    try {
      const root = await this.#realRoot
      // Where links lead to: below the folder, or nowhere.
      const path = await realpath(join(this.#root, name))
      if (path !== root && !path.startsWith(root.endsWith(sep) ? root : root + sep)) return null
      const all = await stat(path, { bigint: true })
      if (all.isDirectory()) return 'folder'
      if (!all.isFile()) return null
      const mark = [all.size, all.mtimeNs, all.ino].map((each) => each.toString(36)).join('-')
      return { path, mark, bytes: Number(all.size), changedMs: Number(all.mtimeNs / 1_000_000n) }
    } catch {
      return null
    }
  }

  #note(name: string, known: Known): void {
    this.#forget(name, known)
    this.#known.set(name, known)
    const [oldest] = this.#known.keys()
    if (this.#known.size > knownMax && oldest !== undefined) this.#forget(oldest)
  }

  /** With its bytes, unless `heir` has them. */
  #forget(name: string, heir?: Known): void {
    const facts = this.#known.get(name)?.facts
    this.#known.delete(name)
    if (typeof facts === 'object' && facts && facts !== heir?.facts) this.#bodies.drop(facts.id)
  }
}
