/**
 * The page in memory, ready to be sent: every file of the snapshot as it is and compressed. What cannot be read whole
 * leaves everything as it was: the page goes on showing the last that was whole.
 */
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import { staleMark, staleShown } from '../../status/page/page-policy.ts'
import { hashOf, type Listed, readSnapshot, type Snapshot, snapshotName } from '../../status/page/snapshot.ts'

const zip = promisify(gzip)
const squeeze = promisify(brotliCompress)
/** As good as the best for text of this size, at a tenth of its price. */
const squeezeQuality = 5
const squeezeBytesMin = 600
const totalBytesMax = 128 * 2 ** 20

export interface ShelfFile extends Listed {
  readonly plain: Buffer
  readonly gzip: Buffer | null
  readonly br: Buffer | null
  readonly etag: string
}

export class PageShelf {
  #folder: string
  #files = new Map<string, ShelfFile>()
  #version = ''
  #ofMs = 0
  #writtenMs = 0
  #isStale = false
  /** What is done to the files is done one after the other. */
  #work: Promise<unknown> = Promise.resolve()
  #isReading = false
  /** Bytes before the warning is put in, by path. */
  #raw = new Map<string, Buffer>()

  constructor(folder: string) {
    this.#folder = folder
  }

  get version(): string {
    return this.#version
  }

  /** When its figures were taken; 0 while there are none. */
  get ofMs(): number {
    return this.#ofMs
  }

  get(path: string): ShelfFile | undefined {
    return this.#files.get(path)
  }

  /** Reads what is new. Resolves with whether the version is another one now. */
  async refresh(): Promise<boolean> {
    if (this.#isReading) return false
    this.#isReading = true
    const read = this.#work.then(() => this.#refresh()).finally(() => (this.#isReading = false))
    this.#work = read.catch(() => {})
    return await read
  }

  /** Whether every page is to say that its figures are old. */
  async showStale(isStale: boolean): Promise<void> {
    if (isStale === this.#isStale) return
    this.#isStale = isStale
    const marked = this.#work.then(async () => {
      for (const file of [...this.#files.values()]) {
        const raw = this.#raw.get(file.path)
        if (raw && file.path.endsWith('.html')) this.#files.set(file.path, await this.#make(file, raw))
      }
    })
    this.#work = marked.catch(() => {})
    await marked
  }

  async #refresh(): Promise<boolean> {
    const path = join(this.#folder, snapshotName)
    const writtenMs = await stat(path).then(
      ({ mtimeMs }) => mtimeMs,
      () => 0,
    )
    if (writtenMs === 0 || writtenMs === this.#writtenMs) return false
    const snapshot = readSnapshot(await readFile(path, 'utf8').catch(() => ''))
    if (!snapshot || !(await this.#take(snapshot))) return false
    const isNew = snapshot.version !== this.#version
    this.#version = snapshot.version
    this.#ofMs = snapshot.ofMs
    this.#writtenMs = writtenMs
    return isNew
  }

  /** False where a file is not what the list says: the next list is being written then. */
  async #take({ files }: Snapshot): Promise<boolean> {
    const next = new Map<string, ShelfFile>()
    const raw = new Map<string, Buffer>()
    let total = 0
    for (const listed of files) {
      const known = this.#files.get(listed.path)
      const knownRaw = this.#raw.get(listed.path)
      const isKnown = known?.hash === listed.hash && known.contentType === listed.contentType
      const bytes = isKnown && knownRaw ? knownRaw : await readFile(join(this.#folder, listed.path)).catch(() => null)
      if (bytes === null || (!isKnown && hashOf(bytes) !== listed.hash)) return false
      total += bytes.length
      if (total > totalBytesMax) return false
      raw.set(listed.path, bytes)
      next.set(listed.path, isKnown ? known : await this.#make(listed, bytes))
    }
    this.#files = next
    this.#raw = raw
    return true
  }

  async #make({ path, contentType, hash }: Listed, bytes: Buffer): Promise<ShelfFile> {
    const isMarked = this.#isStale && path.endsWith('.html')
    const plain = isMarked ? Buffer.from(bytes.toString().replace(staleMark, staleShown)) : bytes
    const etag = `"${hash}${isMarked ? '-old' : ''}"`
    const file = { path, contentType, hash, plain, etag }
    if (plain.length < squeezeBytesMin || /^image\/(?!svg)/.test(contentType)) return { ...file, gzip: null, br: null }
    const params = {
      [constants.BROTLI_PARAM_QUALITY]: squeezeQuality,
      [constants.BROTLI_PARAM_SIZE_HINT]: plain.length,
    }
    return { ...file, gzip: await zip(plain), br: await squeeze(plain, { params }) }
  }
}
