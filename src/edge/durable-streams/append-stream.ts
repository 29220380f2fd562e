/** POST: appends to a stream, ends it, or both. DELETE: removes it. */
import { Fault } from '../../fault/fault.ts'
import { mediaType } from '../../store/stream-rules.ts'
import type { AppendRefusal, ProducerStamp } from '../../store/stream-store.ts'
import { formatOffset } from './offset.ts'
import { toRecords } from './records.ts'
import type { Headers } from './stream-answer.ts'
import { bodyOf, headerOf, isTrue, needWritable, type StreamDesk, type StreamVisit } from './stream-desk.ts'
import { absenceFault, appendFault } from './stream-fault.ts'
import { bad, storeKey } from './stream-target.ts'

export async function appendStream(desk: StreamDesk, visit: StreamVisit): Promise<void> {
  const { caller, name, answer } = visit
  await needWritable(desk, visit)
  const producer = producerOf(visit)
  const closes = isTrue(headerOf(visit, 'stream-closed'))
  const body = await bodyOf(desk, visit)
  if (body.length === 0 && !closes) throw bad('the body is empty; only an append that ends the stream may be')
  const contentType = body.length === 0 ? null : headerOf(visit, 'content-type')
  if (contentType === '' || (body.length > 0 && contentType === null)) throw bad('there is no Content-Type')
  const records = contentType === null ? [] : await recordsOf(desk, visit, body, contentType)
  const writerSeq = headerOf(visit, 'stream-seq')
  const appended = await desk.store.append(storeKey(caller, name), {
    records,
    contentType,
    writerSeq,
    producer,
    closes,
  })
  if (!('info' in appended)) return answer.fail(appendFault(appended), refusalHeaders(appended, producer))
  if (appended.kind === 'appended' && records.length > 0) desk.onAppend(caller, name)
  const isNewFromProducer = producer !== null && appended.kind === 'appended' && records.length > 0
  answer.send(isNewFromProducer ? 200 : 204, {
    'stream-next-offset': formatOffset(appended.info.tail),
    'stream-closed': appended.info.isClosed ? 'true' : undefined,
    'producer-epoch': appended.epoch?.toString(),
    'producer-seq': appended.seq?.toString(),
    'cache-control': 'no-store',
  })
}

export async function removeStream(desk: StreamDesk, visit: StreamVisit): Promise<void> {
  await needWritable(desk, visit)
  const removed = await desk.store.remove(storeKey(visit.caller, visit.name))
  if (removed !== 'removed') throw absenceFault(removed)
  visit.answer.send(204, { 'cache-control': 'no-store' })
}

/** All three headers or none. @throws {Fault} HF_STREAM_REQUEST */
function producerOf(visit: StreamVisit): ProducerStamp | null {
  const id = headerOf(visit, 'producer-id')
  const epoch = headerOf(visit, 'producer-epoch')
  const seq = headerOf(visit, 'producer-seq')
  if (id === null && epoch === null && seq === null) return null
  if (id === null || epoch === null || seq === null)
    throw bad('Producer-Id, Producer-Epoch and Producer-Seq go together')
  if (id === '') throw bad('Producer-Id is empty')
  return { id, epoch: countOf(epoch, 'Producer-Epoch'), seq: countOf(seq, 'Producer-Seq') }
}

function countOf(text: string, name: string): number {
  const count = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(count)) throw bad(`${name} is not a whole number from 0 to 2^53 - 1`)
  return count
}

/** What the stream itself says no to comes before what is wrong with the body. */
async function recordsOf(desk: StreamDesk, visit: StreamVisit, body: Buffer, contentType: string): Promise<Buffer[]> {
  try {
    const records = toRecords(body, contentType)
    if (records.length > 0) return records
    throw bad('an empty array appends nothing')
  } catch (thrown) {
    const info = await desk.store.look(storeKey(visit.caller, visit.name))
    if (typeof info === 'string') throw absenceFault(info)
    if (!info.isClosed && mediaType(info.contentType) !== mediaType(contentType)) throw appendFault({ kind: 'type' })
    throw info.isClosed ? new Fault('HF_STREAM_CLOSED') : thrown
  }
}

function refusalHeaders(refusal: AppendRefusal, producer: ProducerStamp | null): Headers {
  const { kind } = refusal
  if (kind === 'closed') return { 'stream-closed': 'true', 'stream-next-offset': formatOffset(refusal.tail) }
  if (kind === 'stale-epoch') return { 'producer-epoch': String(refusal.epoch) }
  if (kind !== 'gap') return {}
  return {
    'producer-expected-seq': String(refusal.expectedSeq),
    'producer-received-seq': producer?.seq.toString(),
  }
}
