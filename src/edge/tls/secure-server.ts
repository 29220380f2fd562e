/**
 * A server for TLS: which certificate a client is shown, which protocol it gets, and how all that is replaced while
 * connections are open. Those that are open keep what they have.
 */
import { constants } from 'node:crypto'
import type { RequestListener, ServerOptions } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { Socket } from 'node:net'
import { createSecureContext, type SecureContext, type TLSSocket } from 'node:tls'
import type { StreamFront } from '../http2/stream-front.ts'
import type { TlsOptions } from './tls-options.ts'
import { certificateFor, type CertificatePair, type Challenges, type TlsMaterial } from './tls-material.ts'

/** The protocol of an authority that looks whether a name is ours (RFC 8737). */
export const challengeProtocol = 'acme-tls/1'
/** Tickets of one listener are good at another: it is the same service. Where certificates are asked for, none are. */
const sessionContext = 'holdfast'
const mutualContext = 'holdfast-mutual'

export interface SecureSettings extends Pick<TlsOptions, 'minVersion' | 'groups' | 'http2'> {
  /** Authorities, PEM: who shows no certificate that they signed is refused in the handshake. Read at every change. */
  readonly clientCa?: () => string
}

/** What a client begins with. */
interface Offer {
  readonly servername: string
  readonly protocols: readonly string[]
}

interface NamedContext {
  readonly names: readonly string[]
  readonly context: SecureContext
}

export class SecureServer {
  readonly server: Server
  #settings: SecureSettings
  #contexts: readonly NamedContext[] = []
  #challenges: readonly NamedContext[] = []
  /** Connections of authorities, from the choice of the protocol to that of the certificate. */
  #proving = new WeakSet<object>()

  /** `options`: of the HTTP server; `handshakeMs`: for the handshake to be complete. */
  constructor(
    settings: SecureSettings,
    material: TlsMaterial,
    { options, handshakeMs, handle }: { options: ServerOptions; handshakeMs: number; handle: RequestListener },
  ) {
    this.#settings = settings
    // Called on the connection, first for the protocol and then for the certificate: so it is in TLS 1.3.
    const choose = (connection: object, offer: Offer): string | undefined => this.#choose(connection, offer)
    const contextFor = (connection: object, name: string): SecureContext | undefined =>
      this.#contextFor(connection, name)
    const https = {
      ...options,
      handshakeTimeout: handshakeMs,
      ALPNCallback(this: object, offer: Offer): string | undefined {
        return choose(this, offer)
      },
      SNICallback(this: object, name: string, done: (error: Error | null, context?: SecureContext) => void): void {
        done(null, contextFor(this, name))
      },
      ...(settings.clientCa && { requestCert: true, rejectUnauthorized: true }),
      ...this.#optionsOf(material.certificates[0] ?? null, material),
    }
    this.server = createServer(https, handle)
    // Else node:https would hand a connection without encryption to whoever answers bad requests.
    this.server.removeAllListeners('tlsClientError')
    this.server.on('tlsClientError', (_error: Error, socket: TLSSocket) => socket.destroy())
    this.use(material)
  }

  /** From now on; nothing is changed when it throws. @throws {Error} of OpenSSL for what is no certificate. */
  use(material: TlsMaterial): void {
    const name = (pair: CertificatePair): NamedContext => ({
      names: pair.names,
      context: createSecureContext(this.#optionsOf(pair, material)),
    })
    const contexts = material.certificates.map(name)
    const challenges = material.challenges.alpn.map(name)
    this.server.setSecureContext(this.#optionsOf(material.certificates[0] ?? null, material))
    this.#contexts = contexts
    this.#challenges = challenges
  }

  /** A handshake is done: on to whoever speaks the protocol that was agreed upon. */
  meet(socket: TLSSocket, take: (socket: Socket) => void, streams: Pick<StreamFront, 'take'> | null): void {
    if (socket.alpnProtocol === challengeProtocol)
      socket.end() // it has seen what it came for
    else if (socket.alpnProtocol === 'h2' && streams) streams.take(socket)
    else take(socket)
  }

  /** Without a certificate there is nothing to show yet, and handshakes fail. */
  #optionsOf(pair: CertificatePair | null, { ticketKey }: TlsMaterial) {
    return {
      ...(pair && { cert: pair.cert, key: pair.key }),
      minVersion: `TLSv${this.#settings.minVersion}` as const,
      ecdhCurve: groupList(this.#settings.groups),
      honorCipherOrder: true,
      ...this.#resumption(ticketKey),
    }
  }

  /** A resumed session shows no certificate: one that began where none was asked for must not go on where one is. */
  #resumption(ticketKey: string) {
    const { clientCa } = this.#settings
    if (!clientCa) return { ticketKeys: Buffer.from(ticketKey, 'base64'), sessionIdContext: sessionContext }
    return { ca: clientCa(), sessionIdContext: mutualContext, secureOptions: constants.SSL_OP_NO_TICKET }
  }

  #choose(connection: object, { servername, protocols }: Offer): string | undefined {
    if (protocols.includes(challengeProtocol) && certificateFor(this.#challenges, servername)) {
      this.#proving.add(connection)
      return challengeProtocol
    }
    if (this.#settings.http2 && protocols.includes('h2')) return 'h2'
    return protocols.includes('http/1.1') ? 'http/1.1' : undefined
  }

  /** Undefined for that of the server. */
  #contextFor(connection: object, name: string): SecureContext | undefined {
    const pairs = this.#proving.has(connection) ? this.#challenges : this.#contexts
    return certificateFor(pairs, name)?.context
  }
}

/**
 * In OpenSSL's words. A client that offers a hybrid group but begins with a classical one is asked to begin anew (`/`):
 * without that, one round trip would decide against the better.
 */
export function groupList(groups: SecureSettings['groups']): string {
  return groups
    .map((name, i) => {
      const before = groups[i - 1]
      if (before === undefined) return name
      return `${isHybrid(before) === isHybrid(name) ? ':' : '/'}${name}`
    })
    .join('')
}

function isHybrid(group: string): boolean {
  return group.includes('MLKEM')
}

/** The answer to a token of an authority, where one is awaited. */
export function proofFor({ http }: Challenges, path: string): string | null {
  const token = /^\/\.well-known\/acme-challenge\/([\w-]{1,256})$/.exec(path)?.[1]
  return token !== undefined && Object.hasOwn(http, token) ? (http[token] ?? null) : null
}
