/** Networks by address and prefix length, and whether an address is in one of them. */
import { BlockList, isIP } from 'node:net'

const shape = /^([0-9a-fA-F:.]+)(?:\/(\d{1,3}))?$/

/** `10.0.0.0/8`, `2001:db8::/32`, or one address; null where it is none of these. */
export function readNetwork(text: string): { address: string; family: 'ipv4' | 'ipv6'; prefix: number } | null {
  const [, address = '', length] = shape.exec(text) ?? []
  const version = isIP(address)
  if (version === 0) return null
  const bits = version === 4 ? 32 : 128
  const prefix = length === undefined ? bits : Number(length)
  return prefix > bits ? null : { address, family: version === 4 ? 'ipv4' : 'ipv6', prefix }
}

export class AddressList {
  #list = new BlockList()
  readonly isEmpty: boolean

  /** @param networks what is none is left out. */
  constructor(networks: readonly string[]) {
    const known = networks.flatMap((text) => readNetwork(text) ?? [])
    for (const { address, family, prefix } of known) this.#list.addSubnet(address, prefix, family)
    this.isEmpty = known.length === 0
  }

  /** An IPv4 address that came over IPv6 (`::ffff:10.0.0.1`) is that IPv4 address. */
  has(address: string): boolean {
    if (this.isEmpty) return false
    const plain = plainAddress(address)
    const version = isIP(plain)
    return version !== 0 && this.#list.check(plain, version === 4 ? 'ipv4' : 'ipv6')
  }
}

/** IPv4 in IPv6, in every spelling; load balancers write it in full, in hexadecimal. */
const wrapped =
  /^(?:::(?:0{1,4}:){0,4}|(?:0{1,4}:){5})ffff:(?:(\d{1,3}(?:\.\d{1,3}){3})|([\da-f]{1,4}):([\da-f]{1,4}))$/i

/** Without the wrapping of IPv4 in IPv6 and without the zone of a link-local address. */
export function plainAddress(address: string): string {
  if (!address.includes(':')) return address
  const [, plain, high, low] = wrapped.exec(address) ?? []
  if (plain !== undefined) return plain
  if (high === undefined || low === undefined) return address.replace(/%.*$/, '')
  const bytes = [high, low].flatMap((each) => [Number.parseInt(each, 16) >> 8, Number.parseInt(each, 16) & 0xff])
  return bytes.join('.')
}
