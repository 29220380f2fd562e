/**
 * The trace that a call belongs to, as W3C Trace Context has it (`traceparent`, `tracestate`). What is not well-formed
 * is taken for not sent: a caller can neither break a trace nor write into a log through it.
 */
import type { Random } from '../ground/random.ts'

export interface Trace {
  /** 32 hexadecimal digits. */
  readonly traceId: string
  /** The caller's span, 16 hexadecimal digits; null where the trace begins here. */
  readonly parentId: string | null
  /** Our own span of the call. */
  readonly spanId: string
  /** Of these the lowest bit says that the trace is recorded; 0 to 255. */
  readonly flags: number
  /** `tracestate`, passed on as it came; empty for none. */
  readonly state: string
  /** Our spans of it are exported. */
  readonly isRecorded: boolean
}

export interface TraceOptions {
  /** Spans are exported at all. */
  readonly isOn: boolean
  /** Share of the traces that begin here and are recorded, 0 to 1; of others their beginning has decided. */
  readonly sampleRatio: number
}

type Headers = Readonly<Record<string, string | string[] | undefined>>

const parentLength = 55
const parentShape = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-|$)/
const stateLengthMax = 512
const membersMax = 32
const key = '[a-z0-9][a-z0-9_*/-]{0,255}(?:@[a-z][a-z0-9_*/-]{0,13})?'
const memberShape = new RegExp(`^${key}=[\\x20-\\x2b\\x2d-\\x3c\\x3e-\\x7e]{0,255}[\\x21-\\x2b\\x2d-\\x3c\\x3e-\\x7e]$`)
const sampledFlag = 1
/** The rest of a trace id is chance (Trace Context, level 2). */
const randomFlag = 2
const noTrace = '0'.repeat(32)
const noSpan = '0'.repeat(16)

/** The trace that these headers name, or a new one; null where there is none and none is begun. */
export function openTrace(headers: Headers, { isOn, sampleRatio }: TraceOptions, random: Random): Trace | null {
  const sent = headers['traceparent']
  const parent = typeof sent === 'string' ? readParent(sent) : null
  if (parent) {
    const isRecorded = isOn && (parent.flags & sampledFlag) === 1
    return { ...parent, spanId: isRecorded ? newSpanId(random) : '', state: readState(headers), isRecorded }
  }
  if (!isOn) return null
  const traceId = newTraceId(random)
  const isRecorded = isSampled(traceId, sampleRatio)
  const flags = randomFlag | (isRecorded ? sampledFlag : 0)
  return { traceId, parentId: null, spanId: newSpanId(random), flags, state: '', isRecorded }
}

/** `traceparent` for whoever is asked next. @param spanId of the attempt, where it is recorded */
export function traceParent({ traceId, parentId, spanId, flags }: Trace, attemptId: string | null): string {
  return `00-${traceId}-${attemptId ?? parentId ?? spanId}-${flags.toString(16).padStart(2, '0')}`
}

export function newSpanId(random: Random): string {
  for (;;) {
    const id = word(random) + word(random)
    if (id !== noSpan) return id
  }
}

function newTraceId(random: Random): string {
  for (;;) {
    const id = word(random) + word(random) + word(random) + word(random)
    if (id !== noTrace) return id
  }
}

/** Hexadecimal digits of all bytes. */
const bytes = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

function word(random: Random): string {
  const bits = random.bits(32)
  return `${bytes[bits >>> 24]}${bytes[(bits >>> 16) & 255]}${bytes[(bits >>> 8) & 255]}${bytes[bits & 255]}`
}

/** By the last 7 bytes of the id, so that every gateway on the way of a trace would decide alike. */
function isSampled(traceId: string, ratio: number): boolean {
  return ratio >= 1 || Number.parseInt(traceId.slice(18), 16) < ratio * 2 ** 56
}

function readParent(text: string): Pick<Trace, 'traceId' | 'parentId' | 'flags'> | null {
  if (text.length < parentLength || text.length > stateLengthMax) return null
  const [, version, traceId = '', parentId = '', flags = ''] = parentShape.exec(text) ?? []
  if (version === undefined || version === 'ff' || traceId === noTrace || parentId === noSpan) return null
  if (version === '00' && text.length !== parentLength) return null
  return { traceId, parentId, flags: Number.parseInt(flags, 16) & (sampledFlag | randomFlag) }
}

function readState(headers: Headers): string {
  const text = headers['tracestate']
  if (typeof text !== 'string' || text === '' || text.length > stateLengthMax) return ''
  const members = text.split(',').map((member) => member.trim())
  const filled = members.filter((member) => member !== '')
  return members.length <= membersMax && filled.every((member) => memberShape.test(member)) ? filled.join(',') : ''
}
