/** PUT: makes a stream, or a fork of one, or finds that it was made so before. */
import type { Created, ForkOrigin, NewStream } from '../../store/stream-store.ts'
import { formatOffset, parseOffset } from './offset.ts'
import { firstOf, toRecords } from './records.ts'
import { bodyOf, headerOf, isTrue, needWritable, publicUrl, type StreamDesk, type StreamVisit } from './stream-desk.ts'
import { absenceFault, createFault, misplacedFault } from './stream-fault.ts'
import { bad, parseName, storeKey } from './stream-target.ts'

const defaultType = 'application/octet-stream'
/** A hundred years; what is kept for longer is kept for ever. */
const ttlSecondsMax = 3_155_760_000

export async function createStream(desk: StreamDesk, visit: StreamVisit): Promise<void> {
  const { caller, name, request, answer } = visit
  await needWritable(desk, visit)
  const type = contentTypeOf(visit)
  const time = timeOf(visit)
  const wish = forkOf(visit)
  const body = await bodyOf(desk, visit)
  const fork = wish && (await resolveFork(desk, caller, wish))
  const contentType = type ?? (fork ? null : defaultType)
  const recordsType = contentType ?? fork?.contentType ?? defaultType
  const asked: NewStream = {
    contentType,
    ...time,
    isClosed: isTrue(headerOf(visit, 'stream-closed')),
    records: toRecords(body, recordsType),
    fork: fork && fork.origin,
  }
  const created: Created = await desk.store.create(storeKey(caller, name), asked)
  if (created.kind === 'refused') throw createFault(created.refusal)
  const { kind, info } = created
  if (kind === 'created' && asked.records.length > 0) desk.onAppend(caller, name)
  answer.send(kind === 'created' ? 201 : 200, {
    'content-type': info.contentType,
    'stream-next-offset': formatOffset(info.tail),
    'stream-closed': info.isClosed ? 'true' : undefined,
    location: kind === 'created' ? `${publicUrl(desk, request)}${request.url?.split('?')[0]}` : undefined,
    'cache-control': 'no-store',
  })
}

/** @throws {Fault} HF_STREAM_REQUEST */
function contentTypeOf(visit: StreamVisit): string | null {
  const type = headerOf(visit, 'content-type')?.trim() ?? ''
  if (type === '') return null
  if (!/^[\w!#$&^.+-]+\/[\w!#$&^.+-]+\s*(;|$)/.test(type)) throw bad('Content-Type is not of the form type/subtype')
  return type
}

/** @throws {Fault} HF_STREAM_REQUEST */
function timeOf(visit: StreamVisit): { ttlSeconds: number | null; expiresAt: string | null } {
  const ttl = headerOf(visit, 'stream-ttl')
  const expiresAt = headerOf(visit, 'stream-expires-at')
  if (ttl !== null && expiresAt !== null) throw bad('Stream-TTL and Stream-Expires-At exclude each other')
  if (ttl !== null && (!isWhole(ttl) || Number(ttl) > ttlSecondsMax))
    throw bad('Stream-TTL is a whole number of seconds, without sign or leading zeros, up to a hundred years')
  const isTime =
    expiresAt === null || /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/.test(expiresAt)
  if (!isTime || (expiresAt !== null && Number.isNaN(Date.parse(expiresAt))))
    throw bad('Stream-Expires-At is a time like 2027-01-31T12:00:00Z')
  return { ttlSeconds: ttl === null ? null : Number(ttl), expiresAt }
}

function isWhole(text: string): boolean {
  return /^(0|[1-9]\d*)$/.test(text) && Number.isSafeInteger(Number(text))
}

interface ForkWish {
  readonly source: string
  readonly at: ForkOrigin['at']
  readonly subOffset: number
}

/** @throws {Fault} HF_STREAM_REQUEST */
function forkOf(visit: StreamVisit): ForkWish | null {
  const source = headerOf(visit, 'stream-forked-from')
  const offset = headerOf(visit, 'stream-fork-offset')
  const subOffset = headerOf(visit, 'stream-fork-sub-offset')
  if (source === null) {
    if (subOffset !== null) throw bad('Stream-Fork-Sub-Offset needs Stream-Forked-From')
    return null
  }
  const at = offset === null ? null : parseOffset(offset)
  if (offset !== null && at === null) throw bad('Stream-Fork-Offset is not an offset')
  if (subOffset !== null && !isWhole(subOffset)) throw bad('Stream-Fork-Sub-Offset is not a whole number')
  if (at === null && Number(subOffset ?? 0) > 0)
    throw bad('Stream-Fork-Sub-Offset lies beyond the end of the source; it needs Stream-Fork-Offset')
  return { source: parseName(source), at, subOffset: Number(subOffset ?? 0) }
}

interface ResolvedFork {
  readonly origin: ForkOrigin
  /** Of the source. */
  readonly contentType: string
}

/** Reads what the fork begins with. What lies at an offset never changes, so nothing can come in between. */
async function resolveFork(desk: StreamDesk, caller: string, wish: ForkWish): Promise<ResolvedFork> {
  const { at, subOffset } = wish
  const source = storeKey(caller, wish.source)
  const info = await desk.store.look(source)
  if (info === 'missing') throw createFault('source-missing')
  if (info === 'gone') throw createFault('source-gone')
  const { id, contentType } = info
  if (at === null || subOffset === 0)
    return { origin: { source, at, subOffset: 0, prefix: [], sourceId: id }, contentType }
  const slice = await desk.store.read(source, at, 1)
  if (slice === 'misplaced') throw misplacedFault()
  if (typeof slice === 'string') throw absenceFault(slice)
  const prefix = slice.records[0] && firstOf(slice.records[0].data, subOffset, contentType)
  if (!prefix) throw bad('Stream-Fork-Sub-Offset lies beyond the next offset of the source')
  return { origin: { source, at, subOffset, prefix, sourceId: id }, contentType }
}
