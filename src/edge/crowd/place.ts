/** Where an address belongs: what counts as one visitor, and the network around it. Pure. */
import { isIP } from 'node:net'

export interface Place {
  /** One visitor, as far as we can tell. */
  readonly unit: string
  readonly network: string
}

/** Of IPv6 everybody has a /64 to himself, and a site a /48. Null for what is no address. */
export function placeOf(address: string): Place | null {
  const version = isIP(address)
  if (version === 4) return { unit: address, network: `${address.slice(0, address.lastIndexOf('.'))}.0/24` }
  if (version !== 6) return null
  const groups = groupsOf(address)
  return { unit: `${groups.slice(0, 4).join(':')}::/64`, network: `${groups.slice(0, 3).join(':')}::/48` }
}

/** All eight, without zeros before them; an IPv4 address at the end counts as two. */
function groupsOf(address: string): string[] {
  const [left = '', right] = address.toLowerCase().split('::')
  const split = (text: string): string[] =>
    text === '' ? [] : text.split(':').flatMap((group) => (group.includes('.') ? ['0', '0'] : [group]))
  const before = split(left)
  const after = right === undefined ? [] : split(right)
  const middle = right === undefined ? [] : Array.from({ length: 8 - before.length - after.length }, () => '0')
  return [...before, ...middle, ...after].map((group) => group.replace(/^0+(?=.)/, ''))
}
