/** Tells what an error of a socket means: the errno, seen together with how far the connection had come. */
import { Fault } from '../../fault/fault.ts'
import type { FaultCode } from '../../fault/code.ts'

/** How far a connection has come. */
export type Stage = 'lookup' | 'connect' | 'tls' | 'up'

/**
 * While connecting. A firewall that rejects gives ECONNREFUSED too; routes of type prohibit and blackhole give EACCES
 * and EINVAL.
 */
const connectCodes: Readonly<Record<string, FaultCode>> = {
  ECONNREFUSED: 'HF_UPSTREAM_REFUSED',
  EHOSTUNREACH: 'HF_NO_ROUTE',
  ENETUNREACH: 'HF_NO_ROUTE',
  EHOSTDOWN: 'HF_NO_ROUTE',
  ENETDOWN: 'HF_NO_ROUTE',
  EACCES: 'HF_NO_ROUTE',
  EPERM: 'HF_NO_ROUTE',
  EINVAL: 'HF_NO_ROUTE',
  EADDRNOTAVAIL: 'HF_NO_ROUTE',
  EAFNOSUPPORT: 'HF_NO_ROUTE',
  ETIMEDOUT: 'HF_CONNECT_TIMEOUT',
  // Not the upstream's doing: this process has no sockets or memory left.
  EMFILE: 'HF_QUEUE_FULL',
  ENFILE: 'HF_QUEUE_FULL',
  ENOBUFS: 'HF_QUEUE_FULL',
  ENOMEM: 'HF_QUEUE_FULL',
}

/** Verdicts on a certificate, as OpenSSL and Node name them. */
const certificatePattern =
  /CERT|CRL|SELF_SIGNED|UNABLE_TO_VERIFY|ISSUER|^(INVALID_CA|INVALID_PURPOSE|PATH_LENGTH_EXCEEDED|HOSTNAME_MISMATCH)$/
/** An alert that the server sends about our certificate, or for want of one, is no verdict of ours on its own. */
const alertPattern = /ALERT/

function errorCode(error: Error): string {
  const code: unknown = 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : ''
}

function detailOf(error: Error, where: string): string {
  return `${errorCode(error) || error.message} ${where}`
}

/** The fault of a connection that did not come up. */
export function connectFault(error: Error, stage: Stage, where: string): Fault {
  const code = errorCode(error)
  const detail = { detail: detailOf(error, where), cause: error }
  if (stage === 'lookup') return new Fault('HF_DNS_FAILED', detail)
  if (stage === 'connect') return new Fault(connectCodes[code] ?? 'HF_UPSTREAM_RESET', detail)
  const isCertificate = certificatePattern.test(code) && !alertPattern.test(code)
  return new Fault(isCertificate ? 'HF_TLS_CERTIFICATE' : 'HF_TLS_FAILED', detail)
}

/** What peers do that break on a large first message: hang up, or find fault with its form. */
const largePattern =
  /^(ECONNRESET|ECONNABORTED|EPIPE|)$|ALERT_(HANDSHAKE_FAILURE|DECODE_ERROR|ILLEGAL_PARAMETER|INTERNAL_ERROR)/

/** Whether a handshake may have failed because its first message was large. */
export function mayBeTooLarge(error: Error): boolean {
  return largePattern.test(errorCode(error))
}

/** The fault of a connection that was not up within the limit. */
export function connectTimeoutFault(stage: Stage, where: string, connectMs: number): Fault {
  if (stage === 'lookup') return new Fault('HF_DNS_TIMEOUT', { detail: `${where} after ${connectMs} ms` })
  const step = stage === 'tls' ? 'TLS handshake with ' : ''
  return new Fault('HF_CONNECT_TIMEOUT', { detail: `${step}${where} after ${connectMs} ms` })
}

/** What was known of an answer when its connection ended. */
export interface BrokenAnswer {
  readonly hasBegun: boolean
  readonly isReused: boolean
  readonly where: string
}

/** The fault of an answer whose connection ended; `error` is null when the server closed it in an orderly way. */
export function brokenFault(error: Error | null, answer: BrokenAnswer): Fault {
  const what = error === null ? `closed by ${answer.where}` : detailOf(error, answer.where)
  const detail = { detail: answer.isReused ? `${what}, reused connection` : what, cause: error ?? undefined }
  if (answer.hasBegun) return new Fault('HF_UPSTREAM_CUT', detail)
  // TLS 1.3 servers refuse a client only after the client thinks that the handshake is over.
  const isTls = error !== null && errorCode(error).startsWith('ERR_SSL_')
  return new Fault(isTls ? 'HF_TLS_FAILED' : 'HF_UPSTREAM_RESET', detail)
}
