/** What certificate a server shows, until when: asked in a connection of its own, which says nothing and closes. */
import { isIP } from 'node:net'
import { connect, type PeerCertificate } from 'node:tls'

export interface CertificateDates {
  readonly fromMs: number
  readonly untilMs: number
  /** Names of whom it is for and who signed it. */
  readonly subject: string
  readonly issuer: string
}

/**
 * Null when there is none, or the server does not answer in time. One that is not valid is looked at as well: that is
 * what one wants to know.
 */
export function lookAtCertificate({ hostname, port }: URL, timeoutMs: number): Promise<CertificateDates | null> {
  const host = hostname.replace(/^\[|\]$/g, '')
  const { promise, resolve } = Promise.withResolvers<CertificateDates | null>()
  const socket = connect({
    host,
    port: Number(port || 443),
    ...(isIP(host) === 0 && { servername: host }),
    rejectUnauthorized: false,
  })
  AbortSignal.timeout(timeoutMs).addEventListener('abort', () => socket.destroy())
  socket.once('secureConnect', () => {
    const { valid_from: from, valid_to: until, subject, issuer } = socket.getPeerCertificate()
    const dates = { fromMs: Date.parse(from), untilMs: Date.parse(until) }
    const names = { subject: nameOf(subject), issuer: nameOf(issuer) }
    resolve(Number.isFinite(dates.untilMs) ? { ...dates, ...names } : null)
    socket.destroy()
  })
  socket.on('error', () => resolve(null))
  socket.once('close', () => resolve(null))
  return promise
}

/** A certificate may name nobody, or several. */
function nameOf(party: PeerCertificate['subject'] | undefined): string {
  return String(party?.CN ?? party?.O ?? '')
}
