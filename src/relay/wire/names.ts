/**
 * The addresses of names, kept: a lookup blocks one of the process's few I/O threads (which also write the journal), so
 * the resolver is asked once for all that wait, and seldom; and one that fails takes no server away whose address is
 * known. Its answers are used for half a minute, then while it is asked anew, and up to an hour while it fails. A
 * connection that failed has it asked at once.
 */
import { lookup as systemLookup, type LookupAddress } from 'node:dns'
import type { LookupFunction } from 'node:net'
import type { Clock, Timer } from '../../ground/clock.ts'

/** Until then nobody asks the resolver again. It tells no time to live, since it also reads files like /etc/hosts. */
const freshMs = 30_000
/** After so long without an answer of the resolver, what it said is forgotten. */
const staleMsMax = 60 * 60_000
/** While older addresses are known, the resolver is waited for no longer than this. */
const patienceMs = 100
/** However many connections fail, and while it fails itself, it is asked no more often than this. */
const askedMsMin = 1000
/** Connections that may wait for one lookup; more are told EAI_AGAIN. */
export const lookupWaitersMax = 4096
/** Names kept; they come from the configuration. The one that was kept first makes place. */
const namesMax = 4096

export type NameCallback = (error: Error | null, addresses: readonly LookupAddress[]) => void

export class Names {
  readonly #clock: Clock
  readonly #resolve: LookupFunction
  readonly #entries = new Map<string, Entry>()

  /** @param resolve asks the resolver; default: the system's. */
  constructor(clock: Clock, resolve: LookupFunction = systemLookup) {
    this.#clock = clock
    this.#resolve = resolve
  }

  /** The addresses to try, in this order; families take turns, and the one that worked last is the first. */
  find(host: string, callback: NameCallback): void {
    this.#entry(host).find(callback)
  }

  /** A connection to this address came up. */
  worked(host: string, address: string): void {
    this.#entries.get(host)?.worked(address)
  }

  /** No address of it could be connected to: it may have moved. */
  failed(host: string): void {
    this.#entries.get(host)?.renew()
  }

  /** The same for whoever wants it in Node's way. */
  readonly lookup: LookupFunction = (host, { all }, callback) => {
    this.find(host, (error, addresses) => {
      const [first] = addresses
      if (error || !first) callback(error, [])
      else if (all) callback(null, [...addresses])
      else callback(null, first.address, first.family)
    })
  }

  #entry(host: string): Entry {
    let entry = this.#entries.get(host)
    if (entry) return entry
    const [oldest] = this.#entries.keys()
    if (oldest !== undefined && this.#entries.size >= namesMax) this.#entries.delete(oldest)
    entry = new Entry(host, this.#clock, this.#resolve)
    this.#entries.set(host, entry)
    return entry
  }
}

/** One name. */
class Entry {
  readonly #host: string
  readonly #clock: Clock
  readonly #resolve: LookupFunction
  #addresses: readonly LookupAddress[] = []
  /** When the resolver told them, and when it was asked last; monotonic: a clock that is set changes nothing. */
  #toldMs = Number.NEGATIVE_INFINITY
  #askedMs = Number.NEGATIVE_INFINITY
  #isAsking = false
  #isSuspect = false
  #waiting: NameCallback[] = []
  #patience: Timer | null = null

  constructor(host: string, clock: Clock, resolve: LookupFunction) {
    this.#host = host
    this.#clock = clock
    this.#resolve = resolve
  }

  find(callback: NameCallback): void {
    const nowMs = this.#clock.monotonicMs()
    const ageMs = nowMs - this.#toldMs
    const isKnown = this.#addresses.length > 0 && ageMs <= staleMsMax
    if (isKnown && ageMs <= freshMs && !this.#isSuspect) return callback(null, this.#addresses)
    // It has been asked a moment ago, and has not answered, or not well.
    const isTooSoon = nowMs - this.#askedMs < askedMsMin
    if (isKnown && isTooSoon && !this.#isAsking) return callback(null, this.#addresses)
    if (this.#waiting.length >= lookupWaitersMax) {
      const error = Object.assign(new Error(`too many lookups of ${this.#host}`), { code: 'EAI_AGAIN' })
      return queueMicrotask(() => callback(error, []))
    }
    this.#waiting.push(callback)
    // Those that come while it takes its time wait no longer than the first did.
    if (isKnown && nowMs - this.#askedMs >= patienceMs && this.#isAsking) return this.#tell(null)
    if (isKnown) this.#patience ??= this.#clock.after(patienceMs, () => this.#tell(null))
    this.#ask(nowMs)
  }

  worked(address: string): void {
    const place = this.#addresses.findIndex((each) => each.address === address)
    const found = this.#addresses[place]
    if (found && place > 0) this.#addresses = [found, ...this.#addresses.toSpliced(place, 1)]
  }

  renew(): void {
    this.#isSuspect = true
    const nowMs = this.#clock.monotonicMs()
    if (nowMs - this.#askedMs >= askedMsMin) this.#ask(nowMs)
  }

  #ask(nowMs: number): void {
    if (this.#isAsking) return
    this.#isAsking = true
    this.#askedMs = nowMs
    this.#resolve(this.#host, { all: true, order: 'verbatim' }, (error, told, family) => {
      if (!this.#isAsking) return // a resolver that answers twice is heard once
      this.#isAsking = false
      const addresses = Array.isArray(told) ? told : told ? [{ address: told, family: family ?? 0 }] : []
      if (!error && addresses.length > 0) this.#keep(addresses)
      this.#tell(error ?? noAddress(this.#host))
    })
  }

  #keep(addresses: readonly LookupAddress[]): void {
    const [worked] = this.#addresses
    this.#addresses = takingTurns(addresses)
    if (worked) this.worked(worked.address)
    this.#toldMs = this.#clock.monotonicMs()
    this.#isSuspect = false
  }

  /** Tells all that wait what is known; why it is not, where nothing is. */
  #tell(error: Error | null): void {
    this.#patience?.cancel()
    this.#patience = null
    const isKnown = this.#addresses.length > 0 && this.#clock.monotonicMs() - this.#toldMs <= staleMsMax
    for (const callback of this.#waiting.splice(0)) {
      if (isKnown) callback(null, this.#addresses)
      else callback(error, [])
    }
  }
}

function noAddress(host: string): Error {
  return Object.assign(new Error(`no address of ${host}`), { code: 'ENODATA' })
}

/** One family after the other, as the resolver ordered them (RFC 8305, section 4): a dead family costs one try. */
function takingTurns(addresses: readonly LookupAddress[]): readonly LookupAddress[] {
  const first = addresses.filter(({ family }) => family === addresses[0]?.family)
  const second = addresses.filter(({ family }) => family !== addresses[0]?.family)
  return addresses.flatMap((_, i) => [first[i], second[i]]).filter((address) => address !== undefined)
}
