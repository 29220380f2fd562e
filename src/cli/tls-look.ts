/** Shakes hands with a server in several ways and tells what came of it: what was agreed upon, and what is weak. */
import { isIP } from 'node:net'
import { connect, type ConnectionOptions, type DetailedPeerCertificate, type TLSSocket } from 'node:tls'
import { classicalGroups } from '../relay/wire/hellos.ts'
import type { PeerTls } from '../relay/wire/peer-files.ts'

const timeoutMs = 5000
const dayMs = 86_400_000
const daysMin = 14
/** Certificates of a chain that are told. */
const chainMax = 10

export interface Place {
  /** What it is to people. */
  readonly about: string
  /** A listener of this gateway. */
  readonly isOwn: boolean
  readonly host: string
  readonly port: number
  readonly servername: string
  readonly tls: PeerTls
}

export interface Link {
  readonly subject: string
  readonly issuer: string
  readonly names: string
  readonly from: string
  readonly until: string
  /** As in `EC 256`, `RSA 2048`. */
  readonly key: string
}

export interface Look {
  readonly about: string
  readonly place: string
  /** Null when there was no handshake at all. */
  readonly agreed: (Shaken & { readonly isHybrid: boolean }) | null
  /** What must be mended, and what should be. */
  readonly troubles: readonly string[]
  readonly warnings: readonly string[]
}

interface Shaken {
  readonly version: string
  readonly group: string
  readonly cipher: string
  readonly protocol: string
  /** Why its certificate is not trusted; null where it is. */
  readonly distrust: string | null
  readonly chain: readonly Link[]
}

export async function lookAtTls(place: Place, nowMs: number): Promise<Look> {
  const about = { about: place.about, place: `${place.host}:${place.port}` }
  const first = await shake(place, {})
  const isBroken = first instanceof Error
  const shaken = isBroken ? await shake(place, { ecdhCurve: classicalGroups }) : first
  if (shaken instanceof Error)
    return { ...about, agreed: null, troubles: [`no handshake: ${shaken.message}`], warnings: [] }
  const { version, group, chain, distrust } = shaken
  const isHybrid = group.includes('MLKEM')
  const trust = distrust === null ? [] : [`its certificate is not trusted here: ${distrust}`]
  const old = await shake(place, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' })
  const warnings = [
    ...(isBroken ? ['breaks on a large first message: it is greeted with classical groups alone'] : []),
    ...(isHybrid ? [] : ['keys are exchanged in a classical group: what is recorded today may be read later']),
    ...(version === 'TLSv1.3' ? [] : [`${version} at best`]),
    ...(group === 'none' ? ['no forward secrecy: a key that leaks opens what was recorded'] : []),
    ...(old instanceof Error ? [] : [`${old.version} is still spoken`]),
    ...weakKeys(chain),
  ]
  const ends = endings(chain, nowMs)
  return {
    ...about,
    agreed: { ...shaken, isHybrid },
    // An authority of one's own is no secret to the clients of a listener, only to us.
    troubles: [...(place.isOwn ? [] : trust), ...ends.troubles],
    warnings: [...(place.isOwn ? trust : []), ...warnings, ...ends.warnings],
  }
}

/** An error is the answer as well. */
function shake({ host, port, servername, tls }: Place, options: ConnectionOptions): Promise<Shaken | Error> {
  const { promise, resolve } = Promise.withResolvers<Shaken | Error>()
  const { ca, cert, key } = tls
  try {
    const socket = connect({
      ...{ host, port, rejectUnauthorized: false, ALPNProtocols: ['h2', 'http/1.1'] },
      ...(isIP(servername) === 0 && { servername }),
      ...(ca !== undefined && { ca: ca as string }),
      ...(cert !== undefined && { cert, key }),
      ...options,
    })
    const late = AbortSignal.timeout(timeoutMs)
    late.addEventListener('abort', () => socket.destroy(new Error(`none within ${timeoutMs} ms`)))
    socket.once('secureConnect', () => {
      resolve(factsOf(socket))
      socket.destroy()
    })
    socket.on('error', resolve)
    socket.once('close', () => resolve(new Error('closed without a word')))
  } catch (error) {
    resolve(error as Error)
  }
  return promise
}

function factsOf(socket: TLSSocket): Shaken {
  const { name: group = 'none' } = socket.getEphemeralKeyInfo() as { name?: string }
  return {
    version: socket.getProtocol() ?? 'unknown',
    group,
    cipher: socket.getCipher().standardName,
    protocol: socket.alpnProtocol || 'none agreed',
    distrust: socket.authorized ? null : String(socket.authorizationError),
    chain: chainOf(socket.getPeerCertificate(true)),
  }
}

function chainOf(leaf: DetailedPeerCertificate): Link[] {
  const chain: Link[] = []
  let each: DetailedPeerCertificate | undefined = leaf
  while (each?.subject && chain.length < chainMax) {
    chain.push({
      subject: nameOf(each.subject),
      issuer: nameOf(each.issuer),
      names: each.subjectaltname ?? '',
      from: new Date(each.valid_from).toISOString(),
      until: new Date(each.valid_to).toISOString(),
      key: `${each.modulus === undefined ? 'EC' : 'RSA'} ${each.bits ?? '?'}`,
    })
    // The last is its own issuer.
    each = each.issuerCertificate === each ? undefined : each.issuerCertificate
  }
  return chain
}

function nameOf(party: DetailedPeerCertificate['subject'] | undefined): string {
  return String(party?.CN ?? party?.O ?? '')
}

function weakKeys(chain: readonly Link[]): string[] {
  return chain
    .filter(({ key }) => /^RSA (\d+)$/.test(key) && Number(key.slice(4)) < 2048)
    .map(({ subject, key }) => `the key of ${subject} is short (${key})`)
}

function endings(chain: readonly Link[], nowMs: number): { troubles: string[]; warnings: string[] } {
  const days = chain.map(({ subject, until }) => ({ subject, days: (Date.parse(until) - nowMs) / dayMs }))
  return {
    troubles: days
      .filter((each) => each.days < 0)
      .map((each) => `the certificate of ${each.subject} ran out ${Math.ceil(-each.days)} days ago`),
    warnings: days
      .filter((each) => each.days >= 0 && each.days < daysMin)
      .map((each) => `the certificate of ${each.subject} runs out in ${Math.floor(each.days)} days`),
  }
}
