/** Serves files of a folder: an address is a file, the index of a folder, or else, for a page, the fallback. */
import { httpDate } from '../../cache/http-date.ts'
import { valueOf } from '../../cache/header-list.ts'
import { Fault } from '../../fault/fault.ts'
import type { Clock } from '../../ground/clock.ts'
import type { CodedCopies } from './coded-copies.ts'
import { type Coding, wantedCodings } from './content-coding.ts'
import { contentType, hasHashedName, isCompressible } from './content-type.ts'
import { below } from './find-route.ts'
import type { Folder, FoundFile } from './folder.ts'
import { safeSegments } from './safe-path.ts'
import { sendBody } from './send-body.ts'
import type { WebRouteOptions } from './web-options.ts'
import type { SiteVisit } from './web.ts'

const yearSeconds = 31_536_000
const ends: Readonly<Record<Coding, string>> = { br: '.br', zstd: '.zst', gzip: '.gz' }

export interface StaticParts {
  readonly clock: Clock
  readonly folder: Folder
  readonly copies: CodedCopies
}

/** One that is to be sent, in the coding it is in. */
interface Form {
  readonly file: FoundFile
  readonly body: Buffer | null
  readonly coding: Coding | null
}

export class StaticFiles {
  #parts: StaticParts
  #route: WebRouteOptions

  constructor(route: WebRouteOptions, parts: StaticParts) {
    this.#route = route
    this.#parts = parts
  }

  async serve(visit: SiteVisit, path: string, query: string): Promise<number> {
    const { method } = visit.request
    if (method !== 'GET' && method !== 'HEAD') throw new Fault('HF_METHOD_UNKNOWN', { param: 'GET, HEAD' })
    const segments = safeSegments(below(path, this.#route))
    if (segments === null) throw new Fault('HF_PAGE_UNKNOWN')
    const isFolder = segments.at(-1) === ''
    const wanted = isFolder ? [...segments.slice(0, -1), this.#route.index] : segments
    const found = await this.#parts.folder.find(wanted)
    if (found === 'folder') return await this.#leadInto(visit, wanted, path, query)
    if (found) return await this.#send(visit, wanted, found)
    return await this.#fallBack(visit, segments)
  }

  /** Links in a page are relative to its folder, so the address has to end in a slash. */
  async #leadInto(visit: SiteVisit, segments: readonly string[], path: string, query: string): Promise<number> {
    const index = await this.#parts.folder.find([...segments, this.#route.index])
    if (index === null || index === 'folder') return await this.#fallBack(visit, segments)
    visit.response.writeHead(308, [...visit.headers, 'location', `${path}/${query}`, 'content-length', '0'])
    visit.response.end()
    return 308
  }

  /** For addresses that a person sees, and not for files that are missing. */
  async #fallBack(visit: SiteVisit, segments: readonly string[]): Promise<number> {
    const { fallback } = this.#route
    const isPage = !(segments.at(-1) ?? '').includes('.')
    const wantsPage = /text\/(?:html|\*)|\*\/\*/i.test(visit.request.headers.accept ?? '*/*')
    const names = fallback === undefined || !isPage || !wantsPage ? null : safeSegments(`/${fallback}`)
    const file = names === null ? null : await this.#parts.folder.find(names)
    if (names === null || file === null || file === 'folder') throw new Fault('HF_PAGE_UNKNOWN')
    return await this.#send(visit, names, file)
  }

  async #send(visit: SiteVisit, names: readonly string[], plain: FoundFile): Promise<number> {
    const { clock, folder } = this.#parts
    const name = names.at(-1) ?? ''
    const type = contentType(name)
    const mayCode = this.#route.compress && isCompressible(type)
    const { file, body, coding } = mayCode ? await this.#bestForm(visit, names, plain) : formOf(plain)
    const etag = coding === null ? file.etag : file.etag.replace(/"$/, `-${coding}"`)
    const headers = [
      ...['content-type', type, 'etag', etag, 'last-modified', httpDate(plain.changedMs)],
      ...['cache-control', this.#lasting(name), 'x-content-type-options', 'nosniff'],
    ]
    if (mayCode) headers.push('vary', 'accept-encoding')
    if (coding !== null) headers.push('content-encoding', coding)
    const own = Object.entries(this.#route.headers).flat()
    const whole = {
      status: 200,
      headers: [...headers.filter((_, i) => valueOf(own, headers[i - (i % 2)] ?? '') === null), ...own],
      bytes: body?.length ?? file.bytes,
      validators: { etag, changedMs: plain.changedMs },
      hasRanges: true,
      read: (from: number, to: number) => body?.subarray(from, to + 1) ?? folder.read(file, from, to),
    }
    return sendBody(visit, visit.request.rawHeaders, whole, clock.nowMs())
  }

  /** A file that lies there compressed, else a copy made of it, else as it is. */
  async #bestForm({ request }: SiteVisit, names: readonly string[], plain: FoundFile): Promise<Form> {
    const accepted = request.headers['accept-encoding']
    for (const coding of wantedCodings(accepted)) {
      const name = `${names.at(-1)}${ends[coding]}`
      const file = await this.#parts.folder.find([...names.slice(0, -1), name])
      // One that is older was made of another content.
      if (file && file !== 'folder' && file.changedMs >= plain.changedMs) return { file, body: file.whole, coding }
    }
    if (plain.whole === null) return formOf(plain)
    const coded = await this.#parts.copies.get(plain.etag, plain.whole, accepted)
    return coded ? { file: plain, body: coded.body, coding: coded.coding } : formOf(plain)
  }

  #lasting(name: string): string {
    const { hashedNames, maxAgeSeconds } = this.#route
    if (hashedNames && hasHashedName(name)) return `public, max-age=${yearSeconds}, immutable`
    return maxAgeSeconds > 0 ? `public, max-age=${maxAgeSeconds}` : 'no-cache'
  }
}

function formOf(file: FoundFile): Form {
  return { file, body: file.whole, coding: null }
}
