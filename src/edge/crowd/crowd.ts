/**
 * Visitors by address and network: how many connections each has, how often each asks without a good key, who is locked
 * out, and the shield that tightens all this under attack. Whoever shows a good key is never refused here; whoever has
 * a pass (see `challenge/`) does not feel the shield.
 */
import type { Socket } from 'node:net'
import { Fault } from '../../fault/fault.ts'
import type { Clock, Timer } from '../../ground/clock.ts'
import type { Log } from '../../observe/log.ts'
import type { ChallengeSums } from '../../observe/challenge-sums.ts'
import type { Recorder } from '../../observe/recorder.ts'
import { AddressList, plainAddress } from '../address/address-list.ts'
import type { CrowdOptions } from './crowd-options.ts'
import { type Guest, GuestBook, type Rate } from './guest-book.ts'
import { HeavyHitters } from './heavy-hitters.ts'
import { type Place, placeOf } from './place.ts'
import { Shield } from './shield.ts'

/** Addresses, and networks, that are remembered. */
const guestsMax = 16_384
const networksMax = 4096
/** Addresses with a pass. */
const passedMax = 4096
/** Networks that are counted among those that are turned away, and told of. */
const hittersMax = 64
const toldMax = 5
/** A network with a larger share of an attack is met by tighter limits than others. */
const targetShareMin = 0.02
/** Refusals without a pause, after which an address is locked out; fewer under attack. */
const refusalsMax = 200
const refusalsMaxUnderAttack = 10
/** How long a good key speaks for its address. */
const goodMs = 600_000
/** Addresses that wait to be told of. */
const welcomedMax = 1000
/** A lockout is at most so many times as long as the first. */
const lockoutFactorMax = 16
/** Refusals, and offences, a second that get a line in the log and a place in the record; the others are counted. */
const toldPerSecond = 20
const secondMs = 1000
const nobody = (): boolean => false
const noChallenges: ChallengeSums = { issued: 0, solved: 0, refused: 0 }

/** Why somebody was turned away. */
export type Turning = 'rate' | 'connections' | 'locked' | 'flood' | 'malformed'

export interface CrowdParts {
  readonly clock: Clock
  readonly log: Log
  readonly recorder: Recorder
  /** Whether this peer speaks for others, so that its own address says nothing. */
  readonly isTrusted: (address: string) => boolean
}

export class Crowd implements Disposable {
  /** Since the start. */
  readonly turnedAway: Record<Turning, number> = { rate: 0, connections: 0, locked: 0, flood: 0, malformed: 0 }
  /** Since the start. */
  readonly challenges: { -readonly [K in keyof ChallengeSums]: number } = { ...noChallenges }
  #challengesTold: ChallengeSums = noChallenges
  readonly isOn: boolean
  #options: CrowdOptions
  #parts: CrowdParts
  #exempt: AddressList
  #guests = new GuestBook(guestsMax)
  /** Welcomed here, and not yet told to other workers. */
  #welcomed = new Set<string>()
  #networks = new GuestBook(networksMax)
  /** The same of those with a pass: they share nothing with those without. */
  #passed = new GuestBook(passedMax)
  #passedNetworks = new GuestBook(networksMax)
  #shield: Shield
  /** Of addresses as they are written; only to save the reading. */
  #places = new Map<string, Place | null>()
  #hitters = new HeavyHitters(hittersMax)
  /** As they are set, and as the shield has them. */
  #calmRates: Rates
  #tightRates: Rates
  /** Networks from which most of an attack comes; null: from everywhere. */
  #targets: ReadonlySet<string> | null = new Set()
  #second = { turnedAway: 0, answered: 0, told: 0, offences: 0 }
  #timer: Timer | null

  constructor(options: CrowdOptions, parts: CrowdParts) {
    this.#options = options
    this.#parts = parts
    this.isOn = options.enabled
    this.#exempt = new AddressList(options.exempt)
    this.#shield = new Shield(options.shield)
    this.#calmRates = ratesOf(options, 1)
    this.#tightRates = this.#calmRates
    this.#timer = options.enabled ? parts.clock.every(secondMs, () => this.#tick()) : null
  }

  /** 0 while there is no attack. */
  get shieldLevel(): number {
    return this.#shield.level
  }

  /** Whether this connection may stay. `address`: whose it is, as far as that is known before it has said a word. */
  admit(socket: Socket, address: string): boolean {
    const place = this.#placeOf(address)
    if (place === null || this.#parts.isTrusted(address)) return true
    const nowMs = this.#parts.clock.monotonicMs()
    const guest = this.#guestAt(place, nowMs)
    if (guest.lockedUntilMs > nowMs && guest.goodUntilMs <= nowMs) return this.#turnAway('locked', place.network)
    const network = this.#networks.at(place.network, this.#calmRates.network, nowMs)
    const { perAddress, perNetwork } = this.#options
    if (guest.connections >= perAddress.connectionsMax || network.connections >= perNetwork.connectionsMax)
      return this.#turnAway('connections', place.network)
    guest.connections++
    network.connections++
    socket.once('close', () => {
      guest.connections--
      network.connections--
    })
    return true
  }

  /** The network of this address, where the shield is up against it at this level or above; else null. 0: always. */
  networkMet(address: string, levelMin: number): string | null {
    const place = this.#placeOf(address)
    if (place === null || (levelMin > 0 && (this.#shield.level < levelMin || !this.#isTarget(place)))) return null
    return place.network
  }

  /**
   * A request has come. `isKnown`: whether it bears a good key; `hasPass`: whether the ordinary rate is for it.
   * @throws {Fault} HF_ADDRESS_RATE
   */
  ask(address: string, isKnown: () => boolean, hasPass: () => boolean = nobody): void {
    const place = this.#placeOf(address)
    if (place === null) return
    const nowMs = this.#parts.clock.monotonicMs()
    const guest = this.#guestAt(place, nowMs)
    const network = this.#networks.at(place.network, this.#calmRates.network, nowMs)
    const isTight = this.#shield.level > 0 && this.#isTarget(place)
    const rates = isTight ? this.#tightRates : this.#calmRates
    const isIn = guest.lockedUntilMs <= nowMs
    if (isIn && isTight && hasPass()) {
      if (this.#takePassed(place, nowMs)) return
    } else if (isIn && guest.take(rates.address, nowMs) && network.take(rates.network, nowMs)) return
    if (isKnown()) return
    this.#second.answered++
    this.#turnAway('rate', place.network)
    const limit = isTight ? refusalsMaxUnderAttack : refusalsMax
    if (isIn && ++guest.refusals >= limit) this.#lock(guest, nowMs)
    const waitMs = Math.max(guest.waitMs(rates.address, nowMs), network.waitMs(rates.network, nowMs))
    throw new Fault('HF_ADDRESS_RATE', {
      detail: place.unit,
      retryAfterMs: Math.max(waitMs, guest.lockedUntilMs - nowMs),
    })
  }

  /** Whether connections from here are closed at once. */
  isLocked(address: string): boolean {
    const place = this.#placeOf(address)
    return place !== null && (this.#guests.find(place.unit)?.lockedUntilMs ?? 0) > this.#parts.clock.monotonicMs()
  }

  /** Whether a good key came from here lately, or none of this applies. */
  isWelcome(address: string): boolean {
    const place = this.#placeOf(address)
    return place === null || (this.#guests.find(place.unit)?.goodUntilMs ?? 0) > this.#parts.clock.monotonicMs()
  }

  /** A request with a good key came from here. */
  welcome(address: string): void {
    const place = this.#placeOf(address)
    if (place === null) return
    const nowMs = this.#parts.clock.monotonicMs()
    const guest = this.#guestAt(place, nowMs)
    // Others are told of it now and then, not with each request.
    if (guest.goodUntilMs < nowMs + goodMs / 2 && this.#welcomed.size < welcomedMax) this.#welcomed.add(place.unit)
    guest.goodUntilMs = nowMs + goodMs
  }

  /** From where good keys have come that other workers may not know of; each is told once. */
  takeWelcomed(): string[] {
    const units = [...this.#welcomed]
    this.#welcomed.clear()
    return units
  }

  /** A good key came from there to another worker. */
  hearWelcomed(units: readonly string[]): void {
    const nowMs = this.#parts.clock.monotonicMs()
    for (const unit of units) this.#guests.at(unit, this.#calmRates.address, nowMs).goodUntilMs = nowMs + goodMs
  }

  /** A request was answered with a no for what its sender is, or how it was written. */
  refused(address: string): void {
    const place = this.#placeOf(address)
    if (place === null) return
    this.#second.turnedAway++
    this.#second.answered++
    this.#hitters.add(place.network)
  }

  /** What came is no request, and counts as one. False where it is one too many: then it need not be answered. */
  malformed(address: string): boolean {
    try {
      this.ask(address, () => false)
    } catch {
      return false
    }
    const place = this.#placeOf(address)
    if (place === null) return true
    this.#turnAway('malformed', place.network)
    this.#second.answered++
    return true
  }

  /** A connection was closed since what came over it was no use but a cost. `why`: in words. */
  offend(address: string, why: string): void {
    const place = this.#placeOf(address)
    this.#turnAway('flood', place?.network ?? '')
    if (this.#second.offences++ < toldPerSecond) {
      this.#parts.log.warn({ address, detail: why }, 'a connection was closed for what came over it')
      this.#note('offence', why, place ? [{ network: place.network, share: 1 }] : [])
    }
    if (place === null || this.#parts.isTrusted(address)) return
    const nowMs = this.#parts.clock.monotonicMs()
    this.#lock(this.#guestAt(place, nowMs), nowMs)
  }

  /** Whether one more refusal may be told of in this second. */
  mayTell(): boolean {
    return this.#second.told++ < toldPerSecond
  }

  [Symbol.dispose](): void {
    this.#timer?.cancel()
  }

  #isTarget({ network }: Place): boolean {
    return this.#targets === null || this.#targets.has(network)
  }

  #takePassed({ unit, network }: Place, nowMs: number): boolean {
    const rates = this.#calmRates
    const guest = this.#passed.at(unit, rates.address, nowMs)
    return (
      guest.take(rates.address, nowMs) &&
      this.#passedNetworks.at(network, rates.network, nowMs).take(rates.network, nowMs)
    )
  }

  #guestAt({ unit }: Place, nowMs: number): Guest {
    return this.#guests.at(unit, this.#calmRates.address, nowMs)
  }

  /** Null where none of this applies. */
  #placeOf(address: string): Place | null {
    if (!this.isOn) return null
    let place = this.#places.get(address)
    if (place !== undefined) return place
    const plain = plainAddress(address)
    place = this.#exempt.has(plain) ? null : placeOf(plain)
    if (this.#places.size >= guestsMax) this.#places.clear()
    this.#places.set(address, place)
    return place
  }

  #lock(guest: Guest, nowMs: number): void {
    if (guest.goodUntilMs > nowMs) return
    const factor = Math.min(lockoutFactorMax, 2 ** guest.lockouts)
    guest.lockouts++
    guest.refusals = 0
    guest.lockedUntilMs = nowMs + factor * this.#options.lockoutMs
  }

  #turnAway(why: Turning, network: string): false {
    this.turnedAway[why]++
    this.#second.turnedAway++
    this.#hitters.add(network)
    return false
  }

  #tick(): void {
    const { clock, log } = this.#parts
    const second = this.#second
    this.#second = { turnedAway: 0, answered: 0, told: 0, offences: 0 }
    if (!this.#options.shield.enabled) return
    const before = this.#shield.level
    const isChanged = this.#shield.tick(second, clock.monotonicMs())
    const { level } = this.#shield
    if (level > 0) this.#targets = targetsOf(this.#hitters)
    if (isChanged) {
      this.#tightRates = ratesOf(this.#options, this.#shield.factor)
      const { total } = this.#hitters
      const networks = this.#hitters
        .top(toldMax)
        .map(({ key, count }) => ({ network: key, share: total === 0 ? 0 : Math.min(1, count / total) }))
      const state = level > before ? 'raised' : 'lowered'
      log.warn({ level, perSecond: second.turnedAway, networks }, `shield ${state}`)
      this.#note(state, `${second.turnedAway} were turned away in a second`, networks)
    }
    this.#hitters.fade()
  }

  #note(state: 'raised' | 'lowered' | 'offence', detail: string, networks: { network: string; share: number }[]): void {
    const [now, told] = [{ ...this.challenges }, this.#challengesTold]
    this.#challengesTold = now
    const challenges = {
      issued: now.issued - told.issued,
      solved: now.solved - told.solved,
      refused: now.refused - told.refused,
    }
    this.#parts.recorder.note({ kind: 'shield', state, level: this.#shield.level, detail, networks, challenges })
  }
}

interface Rates {
  readonly address: Rate
  readonly network: Rate
}

function ratesOf({ perAddress, perNetwork }: CrowdOptions, factor: number): Rates {
  const rate = ({ requestsPerSecond, requestsBurst }: CrowdOptions['perAddress']): Rate => ({
    perSecond: requestsPerSecond * factor,
    burst: Math.max(1, requestsBurst * factor),
  })
  return { address: rate(perAddress), network: rate(perNetwork) }
}

/** Networks that are a good part of what is turned away; null when they are less than half of it together. */
function targetsOf(hitters: HeavyHitters): ReadonlySet<string> | null {
  const { total } = hitters
  const many = hitters.top(hittersMax).filter(({ count, error }) => count - error >= targetShareMin * total)
  const covered = many.reduce((sum, { count, error }) => sum + count - error, 0)
  return covered * 2 < total ? null : new Set(many.map(({ key }) => key))
}
