/** Who comes, by address: whom a request is of, and whether he may ask at all. */
import { Fault } from '../../fault/fault.ts'
import type { Asking } from '../visitor.ts'
import type { AccessOptions } from './access-options.ts'
import { AddressList, plainAddress } from './address-list.ts'
import { visitorAddress } from './forwarded.ts'
import type { Gate } from './proxy-gate.ts'

export interface Peer {
  readonly address: string
  readonly isTrusted: boolean
}

export class Visitors {
  #allowed: AddressList
  #denied: AddressList
  readonly trusted: AddressList
  /** Whether some may not ask. */
  readonly isChoosy: boolean

  constructor({ allow, deny, trustedProxies }: AccessOptions) {
    this.#allowed = new AddressList(allow)
    this.#denied = new AddressList(deny)
    this.trusted = new AddressList(trustedProxies)
    this.isChoosy = !this.#allowed.isEmpty || !this.#denied.isEmpty
  }

  /** `gate`: of the listener that it came by, where that has one. */
  addressOf({ socket, headers }: Asking, gate: Gate | null): string {
    const peer = gate ? gate.addressOf(socket) : (socket.remoteAddress ?? '')
    return visitorAddress(peer, headers, this.trusted)
  }

  /** Who is at the other end, and whether what it says of those behind it is believed. */
  peerOf({ socket }: Pick<Asking, 'socket'>, gate: Gate | null): Peer {
    const address = plainAddress(gate ? gate.addressOf(socket) : (socket.remoteAddress ?? ''))
    return { address, isTrusted: this.trusted.has(address) }
  }

  /** @throws {Fault} HF_ADDRESS_REFUSED */
  check(address: string): void {
    const mayAsk = !this.#denied.has(address) && (this.#allowed.isEmpty || this.#allowed.has(address))
    if (!mayAsk) throw new Fault('HF_ADDRESS_REFUSED', { detail: address })
  }
}
