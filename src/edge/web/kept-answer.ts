/** Sends an answer out of the cache: whole, compressed, a part of it, or the word that the client has it already. */
import { contentRange, readRanges } from '../../cache/byte-range.ts'
import { type CacheNews, cacheStatus } from '../../cache/cache-status.ts'
import { readDirectives } from '../../cache/directives.ts'
import { type HeaderList, linesOf, valueOf, without } from '../../cache/header-list.ts'
import type { Stored } from '../../cache/stored.ts'
import { policyOf } from '../../cache/targeted.ts'
import { validatorsOf } from '../../cache/validators.ts'
import type { CodedCopies } from './coded-copies.ts'
import { weakened, withVary } from './coded-fields.ts'
import { isCompressible } from './content-type.ts'
import { sendBody } from './send-body.ts'
import { sendBytes } from './send-bytes.ts'
import type { SiteVisit } from './web.ts'

/** An answer that is kept, with what is needed to send it. */
export interface Kept {
  /** Of its body: another body has another. */
  readonly id: number
  readonly stored: Stored
  readonly body: Buffer
}

export interface KeptParts {
  /** Null where nothing is compressed. */
  readonly copies: CodedCopies | null
  /** Of every answer of the route. */
  readonly routeHeaders: readonly string[]
}

export interface Sending {
  readonly ageMs: number
  /** Wall time. */
  readonly nowMs: number
  readonly news: CacheNews
  /** It was just asked for: fields that may not be used without asking are fresh, too. */
  readonly isValidated: boolean
}

const lengths: ReadonlySet<string> = new Set(['content-length', 'age', 'accept-ranges'])

/** @returns the status sent */
export async function sendKept(
  visit: SiteVisit,
  asked: HeaderList,
  kept: Kept,
  parts: KeptParts,
  how: Sending,
): Promise<number> {
  const { stored } = kept
  const own = [...parts.routeHeaders, 'age', String(Math.max(0, Math.floor(how.ageMs / 1000)))]
  own.push('cache-status', cacheStatus(how.news))
  const headers = [...answerFields(stored, how.isValidated), ...own]
  if (stored.part) return sendPart(visit, asked, kept, headers, stored.part)
  const coded = await codedOf(visit, asked, kept, parts.copies)
  const body = coded?.body ?? kept.body
  const validators = validatorsOf(stored.headers, how.nowMs)
  const shown = coded ? weakened(headers, coded.coding) : headers
  const isText = parts.copies !== null && isCompressible(valueOf(stored.headers, 'content-type') ?? '')
  const whole = {
    status: stored.status,
    headers: isText ? withVary(shown) : shown,
    bytes: body.length,
    // What has no date was changed when it was received, at the latest.
    validators: { ...validators, changedMs: validators.changedMs ?? stored.responseMs },
    hasRanges: stored.status === 200 && coded === null,
    read: (from: number, to: number) => body.subarray(from, to + 1),
  }
  return sendBody(visit, asked, whole, how.nowMs)
}

/** Without what is of the transport, and without fields that must be asked for each time (`no-cache="field"`). */
function answerFields({ headers }: Stored, isValidated: boolean): string[] {
  const { noCache, isPrivate } = policyOf(headers).directives
  const named = [isValidated ? [] : noCache, isPrivate].flatMap((each) =>
    Array.isArray(each) ? (each as string[]) : [],
  )
  const left = new Set([...lengths, ...named])
  return without(headers, left)
}

async function codedOf(
  { request }: SiteVisit,
  asked: HeaderList,
  { id, stored, body }: Kept,
  copies: CodedCopies | null,
) {
  const { headers, status } = stored
  if (copies === null || status !== 200 || valueOf(headers, 'content-encoding') !== null) return null
  if (!isCompressible(valueOf(headers, 'content-type') ?? '') || valueOf(asked, 'range') !== null) return null
  if (readDirectives(linesOf(headers, 'cache-control')).noTransform) return null
  return await copies.get(`entry ${id}`, body, request.headers['accept-encoding'])
}

/** What is kept is a part; the request is for that or for less. */
function sendPart(
  { response, headers: usual, pieces }: SiteVisit,
  asked: HeaderList,
  { body }: Kept,
  headers: readonly string[],
  part: NonNullable<Stored['part']>,
): number {
  const ranges = readRanges(valueOf(asked, 'range'), part.whole)
  const range = (Array.isArray(ranges) ? ranges[0] : undefined) ?? part
  const bytes = body.subarray(range.from - part.from, range.to - part.from + 1)
  response.writeHead(206, [
    ...usual,
    ...without(headers, new Set(['content-range'])),
    ...['content-range', contentRange(range, part.whole), 'content-length', String(bytes.length)],
  ])
  sendBytes(response, bytes, pieces)
  return 206
}
