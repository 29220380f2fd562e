/**
 * What comes over a connection and is no request, at a listener: it counts as one against its address, and in masses it
 * gets no answer, no line in the log and no place in the record.
 */
import type { Socket } from 'node:net'
import type { Fault } from '../../fault/fault.ts'
import type { Gate } from '../address/proxy-gate.ts'
import { type RawRefusalParts, refuseRaw } from '../raw-refusal.ts'
import type { Crowd } from './crowd.ts'

/** For one listener. `fault`: null where nothing can be answered, or need be. */
export type TurnAway = (socket: Socket, fault: Fault | null) => void

/** `gate`: knows whose a connection is, where a load balancer says so. */
export function turnAwayFor(
  crowd: Pick<Crowd, 'isOn' | 'malformed' | 'mayTell'> | undefined,
  gate: Gate | null,
  parts: RawRefusalParts,
): TurnAway {
  return (socket, fault) => {
    if (!fault || !crowd?.isOn) return refuseRaw(fault, socket, parts)
    const address = gate ? gate.addressOf(socket) : (socket.remoteAddress ?? '')
    if (!crowd.malformed(address)) return void socket.destroy()
    refuseRaw(fault, socket, crowd.mayTell() ? parts : { ...parts, observer: { settled: () => {} } })
  }
}
