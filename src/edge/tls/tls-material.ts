/** What a listener needs to speak TLS, told by the process that watches over certificates; again on every change. */

/** A certificate that was looked at: it is readable, and the key is its own. */
export interface CertificatePair {
  /** Names it is for, in lower case; `*.` at the front stands for one label. */
  readonly names: readonly string[]
  /** The chain, PEM. */
  readonly cert: string
  /** PEM. */
  readonly key: string
}

/** What an authority looks for, to see that a name is ours (RFC 8555, section 8). */
export interface Challenges {
  /** By token: what is to be answered at `/.well-known/acme-challenge/<token>`. */
  readonly http: Readonly<Record<string, string>>
  /** Certificates to be shown to whoever asks for `acme-tls/1` (RFC 8737). */
  readonly alpn: readonly CertificatePair[]
}

export interface TlsMaterial {
  /** Counts up with each change. */
  readonly serial: number
  /** The first is for clients that name nobody, or one that nobody has. */
  readonly certificates: readonly CertificatePair[]
  /** 48 bytes, base64: by it any of the processes resumes a session that another began. */
  readonly ticketKey: string
  readonly challenges: Challenges
}

/** The one of these that is for a name: by its whole name, else by a wildcard; null when there is none. */
export function certificateFor<T extends Pick<CertificatePair, 'names'>>(pairs: readonly T[], name: string): T | null {
  const wanted = name.toLowerCase().replace(/\.$/, '')
  const dot = wanted.indexOf('.')
  const wildcard = dot === -1 ? null : `*${wanted.slice(dot)}`
  return (
    pairs.find(({ names }) => names.includes(wanted)) ??
    pairs.find(({ names }) => wildcard !== null && names.includes(wildcard)) ??
    null
  )
}
