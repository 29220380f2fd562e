/**
 * A certificate and its key in two files. They are looked at now and then, and read when they have changed; what is
 * broken, or half replaced, does not take the place of what was good.
 */
import { readFileSync, statSync } from 'node:fs'
import type { TlsOptions } from '../../edge/tls/tls-options.ts'
import { type KnownPair, readPair } from './read-pair.ts'

type Paths = TlsOptions['certificates'][number]

/** How a look ended. */
export type Look = 'same' | 'changed' | 'broken'

export class CertificateFile {
  readonly paths: Paths
  pair: KnownPair
  /** Why what is there now is not used; null while it is. */
  trouble: string | null = null
  #mark: string
  /** What is broken may be half of something new: it is told when it is still so at the next look. */
  #suspect: string | null = null

  /** @throws {Error} when it cannot be used. */
  constructor(paths: Paths) {
    this.paths = paths
    this.#mark = markOf(paths)
    this.pair = readFiles(paths)
  }

  /** `broken` is told once for each break. */
  look(): Look {
    const mark = markOf(this.paths)
    const isAsked = mark !== this.#mark || this.#suspect !== null
    if (!isAsked) return 'same'
    this.#mark = mark
    try {
      const pair = readFiles(this.paths)
      this.#suspect = null
      const wasBroken = this.trouble !== null
      this.trouble = null
      if (pair.cert === this.pair.cert && pair.key === this.pair.key) return wasBroken ? 'changed' : 'same'
      this.pair = pair
      return 'changed'
    } catch (error) {
      const { message } = error as Error
      const isNews = this.trouble !== message && this.#suspect === message
      this.#suspect = message
      if (isNews) this.trouble = message
      return isNews ? 'broken' : 'same'
    }
  }
}

/** Of what a change can be seen without reading: also a link that leads elsewhere now. */
function markOf({ cert, key }: Paths): string {
  return [cert, key]
    .map((path) => {
      const found = statSync(path, { throwIfNoEntry: false })
      return found ? `${found.ino} ${found.mtimeMs} ${found.size}` : 'none'
    })
    .join(' ')
}

/** @throws {Error} */
function readFiles({ cert, key }: Paths): KnownPair {
  const [chain = '', secret = ''] = [cert, key].map((path) => {
    try {
      return readFileSync(path, 'utf8')
    } catch (error) {
      throw new Error(`${path} cannot be read: ${(error as NodeJS.ErrnoException).code ?? String(error)}`, {
        cause: error,
      })
    }
  })
  try {
    return readPair(chain, secret)
  } catch (error) {
    throw new Error(`${cert}: ${(error as Error).message}`, { cause: error })
  }
}
