/**
 * Compresses an application's answer while it streams. Each piece goes out when it has come: what was compressed is
 * flushed whenever no more is waiting, so that events and pages that are built up step by step are not held back.
 */
import type { Transform } from 'node:stream'
import { type BrotliCompress, constants, createBrotliCompress, createGzip, createZstdCompress } from 'node:zlib'
import { readDirectives } from '../../cache/directives.ts'
import { type HeaderList, linesOf, valueOf, without } from '../../cache/header-list.ts'
import { codedBytesMin } from './coded-copies.ts'
import { weakened, withVary } from './coded-fields.ts'
import { type Coding, wantedCodings } from './content-coding.ts'
import { isCompressible } from './content-type.ts'
import type { WebAnswer } from './web.ts'

/** Of an answer what whoever passes it on needs. */
export type Sink = Pick<WebAnswer, 'write' | 'end' | 'destroy' | 'destroyed' | 'on' | 'off'>

export interface CodedHead {
  readonly headers: string[]
  readonly sink: Sink
}

/** A compressor takes some hundred KiB; beyond so many at once answers go out plain. */
const liveMax = 64
/** For what is made anew for each reader: fast, and with a window of 256 KiB at most. */
const brotliQuality = 4
const windowBits = 18
const zstdLevel = 3
const gzipLevel = 5
const eventStream = /^text\/event-stream/i
/** They are about the bytes that are sent. */
const ofBytes: ReadonlySet<string> = new Set(['content-length', 'accept-ranges'])
const digests = ['content-digest', 'content-md5', 'digest'] as const

export class StreamCoders {
  #liveCount = 0

  /** @param headers of the answer as the reader is to get them */
  head(answer: { status: number; headers: HeaderList }, headers: string[], to: Reader): CodedHead {
    const type = valueOf(answer.headers, 'content-type') ?? ''
    const isText = (isCompressible(type) || eventStream.test(type)) && isPlain(answer.headers)
    if (!isText) return { headers, sink: to.response }
    const [coding] = wantedCodings(to.acceptEncoding)
    const isWhole = (answer.status === 200 || answer.status >= 400) && to.method !== 'HEAD'
    const isSmall = Number(valueOf(answer.headers, 'content-length') ?? codedBytesMin) < codedBytesMin
    if (!coding || !isWhole || isSmall || this.#liveCount >= liveMax)
      return { headers: withVary(headers), sink: to.response }
    this.#liveCount++
    const sink = new CodedSink(to.response, coderOf(coding), () => this.#liveCount--)
    return { headers: withVary(weakened(without(headers, ofBytes), coding)), sink }
  }
}

interface Reader {
  readonly response: WebAnswer
  readonly method: string | undefined
  readonly acceptEncoding: string | undefined
}

/** It is not coded yet, and may be. */
function isPlain(headers: HeaderList): boolean {
  if (valueOf(headers, 'content-encoding') !== null || digests.some((name) => valueOf(headers, name) !== null))
    return false
  return !readDirectives(linesOf(headers, 'cache-control')).noTransform
}

type Coder = Transform & Pick<BrotliCompress, 'flush'>

function coderOf(coding: Coding): { coder: Coder; flushKind: number } {
  if (coding === 'gzip') return { coder: createGzip({ level: gzipLevel }), flushKind: constants.Z_SYNC_FLUSH }
  if (coding === 'zstd') {
    const params = { [constants.ZSTD_c_compressionLevel]: zstdLevel, [constants.ZSTD_c_windowLog]: windowBits }
    return { coder: createZstdCompress({ params }), flushKind: constants.ZSTD_e_flush }
  }
  const params = { [constants.BROTLI_PARAM_QUALITY]: brotliQuality, [constants.BROTLI_PARAM_LGWIN]: windowBits }
  return { coder: createBrotliCompress({ params }), flushKind: constants.BROTLI_OPERATION_FLUSH }
}

class CodedSink {
  #response: WebAnswer
  #coder: Coder
  #flushKind: number
  #waitingCount = 0
  #isEnded = false

  constructor(response: WebAnswer, { coder, flushKind }: { coder: Coder; flushKind: number }, onOver: () => void) {
    this.#response = response
    this.#coder = coder
    this.#flushKind = flushKind
    coder.on('data', (piece: Buffer) => {
      if (!response.write(piece)) coder.pause()
    })
    coder.on('end', () => void response.end())
    coder.on('error', () => response.destroy())
    coder.on('close', onOver)
    response.on('drain', () => void coder.resume())
    response.on('close', () => void coder.destroy())
    if (response.destroyed) coder.destroy()
  }

  get destroyed(): boolean {
    return this.#response.destroyed
  }

  write(bytes: Buffer): boolean {
    if (this.#coder.destroyed) return true
    this.#waitingCount++
    return this.#coder.write(bytes, () => {
      if (--this.#waitingCount === 0 && !this.#isEnded && !this.#coder.destroyed) this.#coder.flush(this.#flushKind)
    })
  }

  end(bytes?: Buffer): void {
    this.#isEnded = true
    if (!this.#coder.destroyed) this.#coder.end(bytes)
  }

  /** What has been compressed by now may still go out; the end of it never does. */
  destroy(): void {
    this.#coder.destroy()
    this.#response.destroy()
  }

  on(event: 'close' | 'drain', run: () => void): void {
    if (event === 'drain') this.#coder.on('drain', run)
    else this.#response.on('close', run)
  }

  off(event: 'close' | 'drain', run: () => void): void {
    if (event === 'drain') this.#coder.off('drain', run)
    else this.#response.off('close', run)
  }
}
