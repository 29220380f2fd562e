/**
 * All WebSockets of this process: who may have one, where it leads, and how they end. They are bounded, altogether and
 * by caller, judged by address like requests, and told when the house closes or their key is good no more.
 */
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { Fault, toFault } from '../../fault/fault.ts'
import type { RaySource } from '../../fault/ray.ts'
import type { Clock, Timer } from '../../ground/clock.ts'
import type { Pressure } from '../../relay/overload/pressure.ts'
import type { Gate } from '../address/proxy-gate.ts'
import type { Visitors } from '../address/visitors.ts'
import type { Challenge } from '../challenge/challenge.ts'
import type { Crowd } from '../crowd/crowd.ts'
import { unwelcome } from '../crowd/unwelcome.ts'
import { checkRequest } from '../guard.ts'
import type { Limits } from '../limits.ts'
import { refusalAnswer } from '../raw-refusal.ts'
import { type Asker, askerOn } from './asker.ts'
import { asksForWebSocket, checkForm } from './handshake.ts'
import type { Guest, Joined, Kind } from './kind.ts'
import { letGo } from './let-go.ts'
import { Passage } from './passage.ts'
import type { Realtime } from './realtime.ts'

/** Nobody comes back the sooner for knowing when one of a caller's own ends. */
const comeBackMs = 1000
/** How often is looked whether the keys of those under way are good yet: they may have an end. */
const checkMs = 1000

export interface SocketParts {
  readonly clock: Clock
  readonly rays: RaySource
  readonly visitors: Visitors
  readonly crowd: Crowd
  /** Null where visitors never have to prove that a browser works for them. */
  readonly challenge: Challenge | null
  readonly limits: Limits
  readonly pressure: Pressure
  /** Our name in `via`. */
  readonly node: string
  readonly realtime: Realtime
  /** Applications that may have some; null for none. */
  readonly apps: (Kind & { isMeant(request: IncomingMessage): boolean }) | null
}

interface Passing {
  readonly passage: Passage
  readonly caller: string
  readonly check: Joined['check']
}

export class Sockets implements Disposable {
  #parts: SocketParts
  #passing = new Map<Duplex, Passing>()
  /** Those of each caller, also while they are being joined. */
  #places = new Map<string, number>()
  #joiningCount = 0
  #isClosing = false
  #timer: Timer

  constructor(parts: SocketParts) {
    this.#parts = parts
    this.#timer = parts.clock.every(checkMs, () => this.#recheck())
  }

  /** Under way. */
  get count(): number {
    return this.#passing.size
  }

  /** Whether this request gets one; all others that ask are served as if they did not. */
  isMeant(request: IncomingMessage): boolean {
    return asksForWebSocket(request) && this.#kindOf(request) !== null
  }

  /** Something passes on this connection, or is about to. */
  isOn(socket: Duplex): boolean {
    return this.#passing.has(socket)
  }

  /** One whose connection changes. `first`: what the caller has said already. */
  async join(request: IncomingMessage, socket: Duplex, first: Buffer, gate: Gate | null = null): Promise<void> {
    await this.take(askerOn(request, socket, first, gate))
  }

  async take(asker: Asker): Promise<void> {
    const { clock, rays } = this.#parts
    const { request, socket } = asker
    const kind = this.#kindOf(request) ?? this.#parts.realtime
    const address = this.#parts.visitors.addressOf(request, asker.gate)
    const peer = this.#parts.visitors.peerOf(request, asker.gate)
    const enter = (caller: string): void => this.#enter(caller, address, socket)
    const prove = (): void => this.#parts.challenge?.check(request, address, () => this.#isKnown(request))
    const guest: Guest = { asker, ray: rays.next(), beganMs: clock.monotonicMs(), peer, enter, prove }
    socket.on('error', () => {})
    this.#joiningCount++
    try {
      this.#check(request, address, kind)
      const answer = await kind.join(guest)
      if ('status' in answer) this.#answer(asker, answer.status, answer.headers, answer.body)
      else this.#pass(guest, answer, address)
    } catch (thrown) {
      this.#refuse(guest, address, kind, toFault(thrown))
    } finally {
      this.#joiningCount--
    }
  }

  /** Those of a key that is good no more end. */
  revoke(name: string): void {
    for (const { passage, caller } of this.#passing.values())
      if (caller === name) passage.refuse(new Fault('HF_KEY_REVOKED', { detail: 'it has been revoked' }))
  }

  /** All are ended with a word; no more are joined. */
  close(): void {
    this.#isClosing = true
    for (const { passage } of this.#passing.values()) passage.close()
  }

  [Symbol.dispose](): void {
    this.#isClosing = true
    this.#timer.cancel()
    for (const { passage } of this.#passing.values()) passage.destroy()
  }

  /** Those end whose key has come to its end, or was changed for another. */
  #recheck(): void {
    for (const { passage, check } of this.#passing.values())
      check?.().catch((thrown: unknown) => {
        const { code, detail } = toFault(thrown)
        if (code === 'HF_KEY_UNKNOWN' || code === 'HF_KEY_REVOKED')
          passage.refuse(new Fault('HF_KEY_REVOKED', { detail }))
      })
  }

  #isKnown({ headers }: IncomingMessage): boolean {
    return this.#parts.realtime.knows(headers)
  }

  #kindOf(request: IncomingMessage): Kind | null {
    const { realtime, apps } = this.#parts
    if (realtime.isMeant(request.url ?? '')) return realtime
    return apps?.isMeant(request) ? apps : null
  }

  /** @throws {Fault} */
  #check(request: IncomingMessage, address: string, kind: Kind): void {
    const { visitors, crowd, challenge, limits, pressure, node } = this.#parts
    checkRequest(request, node)
    if (visitors.isChoosy) visitors.check(address)
    const hasPass = (): boolean => challenge?.hasPass(request.headers, address) ?? false
    if (crowd.isOn) crowd.ask(address, () => kind.knows(request.headers), hasPass)
    checkForm(request)
    if (this.#isClosing) throw new Fault('HF_CLOSING')
    if (!pressure.mayTakeCalls) throw pressure.refusal()
    if (this.#passing.size + this.#joiningCount > limits.realtimeMax)
      throw new Fault('HF_QUEUE_FULL', { detail: 'too many sessions' })
  }

  /** @throws {Fault} HF_KEY_RATE, HF_ADDRESS_RATE */
  #enter(caller: string, address: string, socket: Duplex): void {
    const most = this.#parts.limits.realtimePerCallerMax
    const who = caller === '' ? `address ${address}` : `key ${caller}`
    // Nobody would tell that it is free again.
    if (socket.destroyed) throw new Fault('HF_CLIENT_GONE')
    const taken = this.#places.get(who) ?? 0
    if (taken >= most) {
      const detail = `${most} WebSockets at once are the limit`
      throw new Fault(caller === '' ? 'HF_ADDRESS_RATE' : 'HF_KEY_RATE', { detail, retryAfterMs: comeBackMs })
    }
    this.#places.set(who, taken + 1)
    socket.once('close', () => {
      const left = (this.#places.get(who) ?? 1) - 1
      if (left > 0) this.#places.set(who, left)
      else this.#places.delete(who)
    })
  }

  #pass(guest: Guest, joined: Joined, address: string): void {
    const { clock, limits, crowd } = this.#parts
    const { asker, ray } = guest
    const { socket, first } = asker
    const { tunnel, meter, hasExtensions, caller, eventOf, check } = joined
    if (caller !== '') crowd.welcome(address)
    if (socket.destroyed) {
      tunnel.socket.destroy()
      meter?.leave()
      return joined.settled({ sentBytes: 0, receivedBytes: 0, fault: new Fault('HF_CLIENT_GONE') })
    }
    asker.accept([...joined.headers, 'holdfast-ray', ray, 'x-request-id', ray])
    const onEnd: typeof joined.settled = (end) => {
      this.#passing.delete(socket)
      joined.settled(end)
    }
    const rules = { stalledMs: limits.stalledReaderMs, frameBytesMax: limits.bodyBytesMax }
    const options = { clock, ...rules, hasExtensions, meter, eventOf, onEnd }
    const passage = new Passage(socket, tunnel.socket, { caller: first, server: tunnel.first }, options)
    if (passage.isEnded) return
    this.#passing.set(socket, { passage, caller, check })
    // What ended while it was being joined.
    if (tunnel.socket.destroyed) passage.destroy()
    else if (this.#isClosing) passage.close()
  }

  #refuse(guest: Guest, address: string, kind: Kind, fault: Fault): void {
    const { clock, crowd } = this.#parts
    const { asker, ray } = guest
    if (unwelcome.has(fault.code)) crowd.refused(address)
    const isTold = fault.code !== 'HF_ADDRESS_RATE' || crowd.mayTell()
    if (!isTold) return void asker.socket.destroy()
    const { headers, body } = refusalAnswer(fault, ray, clock.nowMs())
    this.#answer(asker, fault.status, headers, body)
    kind.refused(guest, fault)
  }

  /** Whoever does not leave then is let go: he would hold his place and a connection. */
  #answer(asker: Asker, status: number, headers: readonly string[], body: Buffer): void {
    const { clock, limits } = this.#parts
    asker.answer(status, headers, body)
    letGo(asker.socket, clock, limits.stalledReaderMs)
  }
}
