/**
 * What a server behind TLS is met with beside the usual: an authority of one's own, and a certificate of ours, for
 * servers that ask for one. Files, read anew when they have changed, since such certificates may live for an hour.
 */
import { readFileSync, statSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import { Fault } from '../../fault/fault.ts'
import type { Clock } from '../../ground/clock.ts'
import { classicalGroups, type Hellos } from './hellos.ts'
import type { Names } from './names.ts'

/** How often the files are looked at, at the most. */
const lookMs = 5000

/** Settings of a handshake with a server. */
export interface PeerTls {
  /** Authorities to trust instead of the well-known ones, PEM. */
  readonly ca?: string | Buffer | readonly (string | Buffer)[] | undefined
  /** A certificate of ours with its chain, and its key, PEM. */
  readonly cert?: string | undefined
  readonly key?: string | undefined
  /** The name to ask for and to check the certificate against. Default: the URL's host. */
  readonly servername?: string | undefined
}

/** What is known of servers before one speaks to them; the wires have it. */
export interface PeerBook {
  readonly names: Names
  readonly hellos: Hellos
  tlsOf(url: URL): PeerTls
}

export interface PeerPaths {
  readonly ca?: string | undefined
  readonly cert?: string | undefined
  readonly key?: string | undefined
  readonly servername?: string | undefined
}

interface Contents {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
}

export class PeerFiles implements PeerTls {
  readonly servername: string | undefined
  #paths: PeerPaths
  #clock: Clock
  #mark = ''
  #lookedMs = Number.NEGATIVE_INFINITY
  #good: Contents | null = null

  constructor(paths: PeerPaths, clock: Clock) {
    this.#paths = paths
    this.#clock = clock
    this.servername = paths.servername
  }

  get ca(): string | undefined {
    return this.#contents().ca
  }

  get cert(): string | undefined {
    return this.#contents().cert
  }

  get key(): string | undefined {
    return this.#contents().key
  }

  /** While what is there cannot be used, that which could. @throws {Fault} HF_CONFIG when nothing ever could. */
  #contents(): Contents {
    const nowMs = this.#clock.monotonicMs()
    if (this.#good && nowMs - this.#lookedMs < lookMs) return this.#good
    this.#lookedMs = nowMs
    const mark = this.#markNow()
    if (this.#good && mark === this.#mark) return this.#good
    try {
      const read = readPaths(this.#paths)
      createSecureContext(read)
      this.#good = read
      this.#mark = mark
    } catch (error) {
      if (!this.#good) throw new Fault('HF_CONFIG', { detail: `files of its TLS: ${(error as Error).message}` })
    }
    return this.#good
  }

  #markNow(): string {
    return [this.#paths.ca, this.#paths.cert, this.#paths.key]
      .map((path) => {
        const found = path === undefined ? undefined : statSync(path, { throwIfNoEntry: false })
        return found ? `${found.ino} ${found.mtimeMs} ${found.size}` : ''
      })
      .join(',')
  }
}

function readPaths({ ca, cert, key }: PeerPaths): Contents {
  return {
    ...(ca !== undefined && { ca: readFileSync(ca, 'utf8') }),
    ...(cert !== undefined && { cert: readFileSync(cert, 'utf8') }),
    ...(key !== undefined && { key: readFileSync(key, 'utf8') }),
  }
}

/** For node:https. `isSmall`: with a small first message. */
export function handshakeOptions(url: URL, peers: PeerBook | undefined, isSmall: boolean) {
  const { ca, cert, key, servername } = peers?.tlsOf(url) ?? {}
  return {
    ...(ca !== undefined && { ca: ca as string }),
    ...(cert !== undefined && { cert, key }),
    ...(servername !== undefined && { servername }),
    ...(isSmall && { ecdhCurve: classicalGroups }),
  }
}
