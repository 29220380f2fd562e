/** Frames of a WebSocket that we say ourselves (RFC 6455, section 5). */

/** Codes of RFC 6455, section 7.4.1, and of IANA's registry. */
export const closeCode = {
  goingAway: 1001,
  badFrame: 1002,
  badText: 1007,
  policy: 1008,
  tooLarge: 1009,
  restart: 1012,
  comeLater: 1013,
  badGateway: 1014,
} as const

const controlBytesMax = 125

/** `reason`: ASCII; what does not fit is left out. */
export function closeFrame(code: number, reason: string): Buffer {
  const text = Buffer.from(reason, 'latin1').subarray(0, controlBytesMax - 2)
  return Buffer.concat([Buffer.from([0x88, text.length + 2, code >> 8, code & 255]), text])
}

/** For a server, which takes only what is masked; by a mask of zeros it stays as it is. */
export function maskedCloseFrame(code: number): Buffer {
  return Buffer.from([0x88, 0x82, 0, 0, 0, 0, code >> 8, code & 255])
}

/** One message of text for a caller. */
export function textFrame(text: Buffer): Buffer {
  const { length } = text
  if (length < 126) return Buffer.concat([Buffer.from([0x81, length]), text])
  const head = Buffer.alloc(length < 65_536 ? 4 : 10)
  head[0] = 0x81
  head[1] = length < 65_536 ? 126 : 127
  if (length < 65_536) head.writeUInt16BE(length, 2)
  else head.writeUInt32BE(length, 6)
  return Buffer.concat([head, text])
}
