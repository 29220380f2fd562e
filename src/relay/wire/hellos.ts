/**
 * How hands are shaken with a peer. The first message of a handshake with a hybrid group is larger than one packet, and
 * some peers, or what stands before them, break on it. One that does so, and takes a small one, is remembered.
 */
import type { Clock } from '../../ground/clock.ts'

/** Groups of which none is large; OpenSSL's own list begins with X25519MLKEM768. */
export const classicalGroups = 'X25519:P-256:P-384:P-521'
/** Then the better one is tried again: peers are mended. */
const rememberedMs = 3_600_000
/** One whose handshake took too long is greeted small for so long; the next handshake shows whether it helps. */
const suspectedMs = 60_000
/** Peers remembered; they come from the configuration. The one that was remembered first makes place. */
const peersMax = 1024

/** That a peer is to be greeted small. */
interface Verdict {
  /** Monotonic. */
  readonly untilMs: number
  /** A handshake was done so; else it is only tried. */
  readonly isSure: boolean
}

export class Hellos {
  #clock: Clock
  #small = new Map<string, Verdict>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** `peer`: host and port. */
  isSmall(peer: string): boolean {
    const verdict = this.#small.get(peer)
    return verdict !== undefined && this.#clock.monotonicMs() < verdict.untilMs
  }

  /** A handshake is done. */
  worked(peer: string, wasSmall: boolean): void {
    if (!wasSmall) this.#small.delete(peer)
    // What is known is not stretched by every connection.
    else if (!this.isSmall(peer) || !this.#small.get(peer)?.isSure) this.#keep(peer, rememberedMs, true)
  }

  /** A handshake was not done in time. */
  late(peer: string, wasSmall: boolean): void {
    if (wasSmall) this.#small.delete(peer)
    else this.#keep(peer, suspectedMs, false)
  }

  /** A small one broke as well: it was not that. */
  broke(peer: string): void {
    this.#small.delete(peer)
  }

  #keep(peer: string, ms: number, isSure: boolean): void {
    const [oldest] = this.#small.keys()
    if (oldest !== undefined && this.#small.size >= peersMax) this.#small.delete(oldest)
    this.#small.set(peer, { untilMs: this.#clock.monotonicMs() + ms, isSure })
  }
}
