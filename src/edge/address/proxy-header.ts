/**
 * The PROXY protocol, by which a load balancer says whose connection it passes on: version 1 in text, version 2 in
 * bytes (the specification of HAProxy). It stands in front of everything else, TLS too.
 */
import { isIP } from 'node:net'

export type ProxyHeader =
  /** Its end has not come yet. */
  | 'more'
  /** This is none. */
  | 'bad'
  /** `address`: null where the proxy speaks for itself, as in its checks of health. */
  | { readonly lengthBytes: number; readonly address: string | null; readonly port: number }

const signature = Buffer.from([0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a])
const headBytes = 16
/** Of version 1, with its line end. */
const textBytesMax = 107
/** Of what follows the head of version 2: addresses, and what else a proxy has to say. */
const restBytesMax = 4096
const textStart = 'PROXY '

export function readProxyHeader(bytes: Buffer): ProxyHeader {
  if (bytes.length === 0) return 'more'
  return bytes[0] === signature[0] ? readBinary(bytes) : readText(bytes)
}

function readText(bytes: Buffer): ProxyHeader {
  const start = bytes.toString('latin1', 0, Math.min(bytes.length, textStart.length))
  if (!textStart.startsWith(start)) return 'bad'
  const end = bytes.subarray(0, textBytesMax).indexOf('\r\n')
  if (end === -1) return bytes.length >= textBytesMax ? 'bad' : 'more'
  const [, family, source = '', target = '', port = '', targetPort = '', more] = bytes
    .toString('latin1', 0, end)
    .split(' ')
  const lengthBytes = end + 2
  // Behind it anything may stand, and means nothing.
  if (family === 'UNKNOWN') return { lengthBytes, address: null, port: 0 }
  const version = family === 'TCP4' ? 4 : family === 'TCP6' ? 6 : 0
  const isGood = version !== 0 && isIP(source) === version && isIP(target) === version && more === undefined
  if (!isGood || !isPort(port) || !isPort(targetPort)) return 'bad'
  return { lengthBytes, address: source, port: Number(port) }
}

const isPort = (text: string): boolean => /^(0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535

function readBinary(bytes: Buffer): ProxyHeader {
  const known = Math.min(bytes.length, signature.length)
  if (!bytes.subarray(0, known).equals(signature.subarray(0, known))) return 'bad'
  if (bytes.length < headBytes) return 'more'
  const [versionAndCommand = 0, family = 0] = [bytes[12], bytes[13]]
  const restBytes = bytes.readUInt16BE(14)
  const command = versionAndCommand & 0x0f
  if (versionAndCommand >> 4 !== 2 || command > 1 || restBytes > restBytesMax) return 'bad'
  const lengthBytes = headBytes + restBytes
  if (bytes.length < lengthBytes) return 'more'
  if (command === 0) return { lengthBytes, address: null, port: 0 }
  return readAddress(bytes.subarray(headBytes, lengthBytes), family, lengthBytes)
}

function readAddress(rest: Buffer, family: number, lengthBytes: number): ProxyHeader {
  if (family === 0x11 && rest.length >= 12)
    return { lengthBytes, address: [...rest.subarray(0, 4)].join('.'), port: rest.readUInt16BE(8) }
  if (family === 0x21 && rest.length >= 36) {
    const words = Array.from({ length: 8 }, (_, i) => rest.readUInt16BE(2 * i).toString(16))
    return { lengthBytes, address: words.join(':'), port: rest.readUInt16BE(32) }
  }
  // UDP, sockets of a file system, unspecified: true, but no address of a visitor.
  const isKnown = [0x00, 0x12, 0x22, 0x31, 0x32].includes(family)
  return isKnown ? { lengthBytes, address: null, port: 0 } : 'bad'
}
