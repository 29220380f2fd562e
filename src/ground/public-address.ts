/** Which addresses lie on the public Internet: what a stranger may make us connect to, and what not. */

/** IPv4 blocks that are not public (RFC 6890 and its registry), first address and prefix length. */
const privateBlocks: readonly (readonly [number, number])[] = [
  block(0, 0, 0, 8),
  block(10, 0, 0, 8),
  block(100, 64, 0, 10),
  block(127, 0, 0, 8),
  block(169, 254, 0, 16), // link-local, and with it the metadata services of clouds
  block(172, 16, 0, 12),
  block(192, 0, 0, 24),
  block(192, 0, 2, 24),
  block(192, 88, 99, 24),
  block(192, 168, 0, 16),
  block(198, 18, 0, 15),
  block(198, 51, 100, 24),
  block(203, 0, 113, 24),
  block(224, 0, 0, 3), // multicast and reserved
]

function block(a: number, b: number, c: number, prefixLength: number): [number, number] {
  return [a * 2 ** 24 + b * 2 ** 16 + c * 2 ** 8, prefixLength]
}

/** `text`: an address as the system prints it, IPv4 or IPv6. Anything else is not public. */
export function isPublicAddress(text: string): boolean {
  return text.includes(':') ? isPublicV6(text) : isPublicV4(text)
}

/** Whether it is an address of this very machine. */
export function isLoopbackAddress(text: string): boolean {
  return text === '::1' || /^127\.\d+\.\d+\.\d+$/.test(text)
}

function isPublicV4(text: string): boolean {
  const parts = text.split('.').map((part) => (/^\d{1,3}$/.test(part) ? Number(part) : 256))
  if (parts.length !== 4 || parts.some((part) => part > 255)) return false
  const address = parts.reduce((sum, part) => sum * 256 + part, 0)
  return privateBlocks.every(
    ([first, length]) => Math.floor(address / 2 ** (32 - length)) !== first / 2 ** (32 - length),
  )
}

/** Public is 2000::/3, without the parts of it that stand for something else. */
function isPublicV6(text: string): boolean {
  const [first = 0, second = 0] = text.split(':').map((part) => Number.parseInt(part, 16) || 0)
  if (first < 0x2000 || first > 0x3fff) return false
  const isTunnel = first === 0x2002 || (first === 0x2001 && second < 0x200)
  const isDocumentation = (first === 0x2001 && second === 0xdb8) || (first === 0x3fff && second < 0x1000)
  return !isTunnel && !isDocumentation
}
