/** The entrance of a listener: who may not come in is told so where that can be told in plain text, and let go. */
import type { Socket } from 'node:net'
import { Fault } from '../../fault/fault.ts'
import type { Gate } from '../address/proxy-gate.ts'
import { type RawRefusalParts, refuseRaw } from '../raw-refusal.ts'
import type { Crowd } from './crowd.ts'

const comeBackMs = 1000

/** `gate`: knows whose a connection is, where a load balancer says so; `told`: null where TLS stands before all words. */
export function entranceFor(
  crowd: Pick<Crowd, 'admit' | 'mayTell'>,
  gate: Gate | null,
  told: RawRefusalParts | null,
): { enter(socket: Socket, next: () => void): void } {
  return {
    enter: (socket, next) => {
      const address = gate ? gate.addressOf(socket) : (socket.remoteAddress ?? '')
      if (crowd.admit(socket, address)) return next()
      socket.on('error', () => {}) // nobody else hears it
      const isTold = told !== null && crowd.mayTell()
      if (!isTold) return void socket.destroy()
      const fault = new Fault('HF_ADDRESS_RATE', { detail: address, retryAfterMs: comeBackMs })
      refuseRaw(fault, socket, told)
      socket.resume()
      socket.once('finish', () => socket.destroy())
    },
  }
}
