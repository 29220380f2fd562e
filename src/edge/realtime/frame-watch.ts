/**
 * Follows the frames of one direction of a WebSocket (RFC 6455, section 5.2) as they pass: where one may be put
 * between, which break the rules, and what messages of text say. The head of a frame is held until it is whole, so that
 * nobody gets the first part of one that must not pass.
 */
import { closeCode } from './frames.ts'

export interface FrameRules {
  /** Frames of clients are masked, those of servers are not. */
  readonly isMasked: boolean
  /** Extensions were agreed upon: reserved bits mean something, and text may be no text. */
  readonly hasExtensions: boolean
  readonly frameBytesMax: number
  /** Told of each message of text that is not larger than that. */
  readonly onText?: ((text: Buffer) => void) | undefined
  readonly textBytesMax?: number
}

/** What broke the rules: the code to close with, and why in words. */
export interface Flaw {
  readonly code: number
  readonly why: string
}

const [textCode, closeOpcode] = [1, 8]
const nothing = Buffer.alloc(0)
const controlBytesMax = 125

interface Head {
  readonly opcode: number
  readonly isLast: boolean
  readonly headBytes: number
  readonly payloadBytes: number
  /** Where the mask begins; -1 for none. */
  readonly maskAt: number
}

export class FrameWatch {
  /** From then on nothing passes. */
  flaw: Flaw | null = null
  /** A close frame has passed. */
  hasClosed = false
  #rules: FrameRules
  /** The head of the next frame, as far as it has come. */
  #held = nothing
  /** Of the frame under way, still to come. */
  #leftBytes = 0
  /** A message is under way whose last frame has not come. */
  #isOpen = false
  #text: TextKeeper | null = null
  #isTextFrame = false

  constructor(rules: FrameRules) {
    this.#rules = rules
  }

  /** All frames that have passed in part have passed. */
  get isBetween(): boolean {
    return this.#leftBytes === 0
  }

  /** The first frames of a message have passed, the last has not. */
  get isWithinMessage(): boolean {
    return this.#isOpen
  }

  /** Gives what may pass now: whole heads, and the rest as it comes. */
  push(piece: Buffer): Buffer {
    if (this.flaw) return nothing
    const bytes = this.#held.length === 0 ? piece : Buffer.concat([this.#held, piece])
    this.#held = nothing
    let at = 0
    while (at < bytes.length) {
      if (this.#leftBytes > 0) {
        at += this.#payload(bytes, at)
        continue
      }
      const head = readHead(bytes, at)
      this.flaw = flawOf(bytes, at, head, this.#rules, this.#isOpen)
      if (this.flaw) break
      if (!head) {
        this.#held = Buffer.from(bytes.subarray(at))
        break
      }
      this.#begin(head, bytes)
      at += head.headBytes
    }
    return at === bytes.length ? bytes : bytes.subarray(0, at)
  }

  #begin({ opcode, isLast, payloadBytes, maskAt }: Head, bytes: Buffer): void {
    this.#leftBytes = payloadBytes
    this.#isTextFrame = false
    if (opcode >= 8) {
      this.hasClosed ||= opcode === closeOpcode
      return
    }
    this.#isOpen = !isLast
    const { onText, textBytesMax = 0, hasExtensions } = this.#rules
    if (opcode !== 0) this.#text = opcode === textCode && onText && !hasExtensions ? new TextKeeper(textBytesMax) : null
    const text = this.#text
    if (!text || !onText) return
    this.#isTextFrame = true
    text.begin(maskAt === -1 ? null : bytes.subarray(maskAt, maskAt + 4), isLast)
    if (payloadBytes === 0) this.#endText(text)
  }

  /** Gives how many bytes of the frame under way these are. */
  #payload(bytes: Buffer, at: number): number {
    const passed = Math.min(this.#leftBytes, bytes.length - at)
    this.#leftBytes -= passed
    const text = this.#isTextFrame ? this.#text : null
    if (text) {
      text.add(bytes.subarray(at, at + passed), this.#leftBytes === 0)
      if (this.#leftBytes === 0) this.#endText(text)
    }
    return passed
  }

  #endText(text: TextKeeper): void {
    if (this.#isOpen) return
    this.#text = null
    const whole = text.take()
    if (whole) this.#rules.onText?.(whole)
  }
}

/** Null while it has not come whole. */
function readHead(bytes: Buffer, at: number): Head | null {
  const left = bytes.length - at
  if (left < 2) return null
  const [first, second] = [bytes[at] as number, bytes[at + 1] as number]
  const short = second & 0x7f
  const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0
  const isMasked = (second & 0x80) !== 0
  const headBytes = 2 + lengthBytes + (isMasked ? 4 : 0)
  if (left < headBytes) return null
  return {
    ...{ opcode: first & 15, isLast: (first & 0x80) !== 0, headBytes },
    payloadBytes: lengthBytes === 0 ? short : lengthAt(bytes, at + 2, lengthBytes),
    maskAt: isMasked ? at + 2 + lengthBytes : -1,
  }
}

const lengthAt = (bytes: Buffer, at: number, lengthBytes: number): number =>
  lengthBytes === 2 ? bytes.readUInt16BE(at) : bytes.readUInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4)

/** `head`: null where it has not come whole; then only its first bytes are judged. `isOpen`: a message is under way. */
function flawOf(bytes: Buffer, at: number, head: Head | null, rules: FrameRules, isOpen: boolean): Flaw | null {
  const first = bytes[at] as number
  const opcode = first & 15
  const bad = (why: string): Flaw => ({ code: closeCode.badFrame, why })
  if ((first & 0x70) !== 0 && !rules.hasExtensions) return bad('a frame with reserved bits')
  if ((opcode > 2 && opcode < 8) || opcode > 10) return bad('a frame of no known kind')
  if (opcode >= 8 && (first & 0x80) === 0) return bad('a control frame in parts')
  if (opcode === 0 && !isOpen) return bad('a frame that continues nothing')
  if ((opcode === 1 || opcode === 2) && isOpen) return bad('a message within a message')
  const second = bytes[at + 1]
  if (second === undefined) return null
  if (((second & 0x80) !== 0) !== rules.isMasked)
    return bad(rules.isMasked ? 'a frame without a mask' : 'a masked frame')
  if (opcode >= 8 && (second & 0x7f) > controlBytesMax) return bad('a control frame that is too long')
  if (opcode === closeOpcode && (second & 0x7f) === 1) return bad('a close frame with half a code')
  if (!head || head.payloadBytes <= rules.frameBytesMax) return null
  return { code: closeCode.tooLarge, why: `a frame of more than ${rules.frameBytesMax} bytes` }
}

/** One message of text, gathered from its frames; let go once it is too large. */
class TextKeeper {
  #bytesMax: number
  #kept = nothing
  #bytes = 0
  #mask: Buffer | null = null
  #maskAt = 0
  #isTooLarge = false
  /** All of it came at once, unmasked: nothing is copied. */
  #whole: Buffer | null = null
  #isSingle = false

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** A frame of it. `isLast`: there is no other. */
  begin(mask: Buffer | null, isLast: boolean): void {
    this.#mask = mask && Buffer.from(mask)
    this.#maskAt = 0
    this.#isSingle = isLast && this.#bytes === 0
  }

  /** `isAll`: with these the frame has come. */
  add(piece: Buffer, isAll: boolean): void {
    if (this.#isTooLarge) return
    if (this.#bytes + piece.length > this.#bytesMax) {
      this.#isTooLarge = true
      this.#kept = nothing
      return
    }
    if (isAll && this.#isSingle && this.#bytes === 0 && !this.#mask) {
      this.#whole = piece
      return
    }
    this.#grow(piece.length)
    piece.copy(this.#kept, this.#bytes)
    if (this.#mask) unmask(this.#kept.subarray(this.#bytes, this.#bytes + piece.length), this.#mask, this.#maskAt)
    this.#maskAt += piece.length
    this.#bytes += piece.length
  }

  /** Null when it is too large. */
  take(): Buffer | null {
    return this.#isTooLarge ? null : (this.#whole ?? this.#kept.subarray(0, this.#bytes))
  }

  #grow(more: number): void {
    const needed = this.#bytes + more
    if (needed <= this.#kept.length) return
    const larger = Buffer.allocUnsafe(Math.min(this.#bytesMax, Math.max(needed, this.#kept.length * 2)))
    this.#kept.copy(larger, 0, 0, this.#bytes)
    this.#kept = larger
  }
}

/** `maskAt`: how many bytes of the frame came before these. */
function unmask(bytes: Buffer, mask: Buffer, maskAt: number): void {
  const { length } = bytes
  for (let i = 0; i < length; i++) bytes[i] = (bytes[i] as number) ^ (mask[(maskAt + i) & 3] as number)
}
