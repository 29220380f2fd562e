/** Bodies compressed as they are wanted, each once: those used last, within a limit. */
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip, zstdCompress } from 'node:zlib'
import { MemoryBodies } from '../../store/memory-bodies.ts'
import { type Coding, wantedCodings } from './content-coding.ts'

const zip = promisify(gzip)
const squeeze = promisify(brotliCompress)
const press = promisify(zstdCompress)

/** As good as the best for text, at a tenth of its price. */
const brotliQuality = 5
const zstdLevel = 6
/** Smaller ones gain nothing: they fit into one packet in any case. */
export const codedBytesMin = 1024
/** Larger ones cost too much of the thread that does it. */
const codedBytesMax = 4 * 2 ** 20
/** Up to here the first reader waits for it; beyond, it gets the plain body meanwhile. */
const waitedBytesMax = 256 * 1024
/** Under way at once: the threads are shared with the disk. */
const workMax = 2
/** Bodies of which it is known which number their copies bear. */
const namesMax = 4096

export interface Coded {
  readonly coding: Coding
  readonly body: Buffer
}

export class CodedCopies {
  #copies: MemoryBodies
  /** Number of a copy by its name; 0 for one that gained nothing. */
  #ids = new Map<string, number>()
  #working = new Map<string, Promise<Buffer | null>>()
  #lastId = 0

  constructor(bytesMax: number) {
    this.#copies = new MemoryBodies(bytesMax)
  }

  /** @param name tells the body apart from all others, for ever. Null: send it as it is. */
  async get(name: string, body: Buffer, acceptEncoding: string | undefined): Promise<Coded | null> {
    if (body.length < codedBytesMin || body.length > codedBytesMax) return null
    const [coding] = wantedCodings(acceptEncoding)
    if (coding === undefined) return null
    const key = `${coding} ${name}`
    const id = this.#ids.get(key)
    if (id === 0) return null
    const known = id === undefined ? null : this.#copies.get(id)
    if (known) return { coding, body: known }
    const work = this.#working.get(key) ?? this.#begin(key, coding, body)
    if (work === null || body.length > waitedBytesMax) return null
    const coded = await work
    return coded && { coding, body: coded }
  }

  #begin(key: string, coding: Coding, body: Buffer): Promise<Buffer | null> | null {
    if (this.#working.size >= workMax) return null
    const work = encode(coding, body)
      .then((coded) => (coded.length < body.length ? coded : null))
      .catch(() => null)
      .then((coded) => {
        this.#working.delete(key)
        this.#keep(key, coded)
        return coded
      })
    this.#working.set(key, work)
    return work
  }

  #keep(key: string, coded: Buffer | null): void {
    const id = coded === null ? 0 : ++this.#lastId
    this.#ids.delete(key)
    this.#ids.set(key, id)
    if (coded) this.#copies.put(id, coded)
    const [oldest] = this.#ids
    if (this.#ids.size > namesMax && oldest) {
      this.#ids.delete(oldest[0])
      this.#copies.drop(oldest[1])
    }
  }
}

function encode(coding: Coding, body: Buffer): Promise<Buffer> {
  if (coding === 'gzip') return zip(body, { level: 6 })
  if (coding === 'zstd') return press(body, { params: { [constants.ZSTD_c_compressionLevel]: zstdLevel } })
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: brotliQuality,
    [constants.BROTLI_PARAM_SIZE_HINT]: body.length,
  }
  return squeeze(body, { params })
}
