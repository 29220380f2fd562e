/** Asks an authority when it would like a certificate to be renewed (ACME Renewal Information, RFC 9773). */
import { X509Certificate } from 'node:crypto'
import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'

const timeoutMs = 10_000
const bodyBytesMax = 64 * 1024

export interface RenewalWindow {
  readonly startMs: number
  readonly endMs: number
}

/** Null where the authority has no opinion. @throws {Error} when it cannot be asked, or says what makes no sense. */
export async function askRenewalWindow(
  directoryUrl: string,
  cert: string,
  ca: string | undefined,
): Promise<RenewalWindow | null> {
  const id = certificateId(cert)
  if (id === null) return null
  const { renewalInfo } = (await getJson(directoryUrl, ca)) as { renewalInfo?: unknown }
  if (typeof renewalInfo !== 'string') return null
  const told = (await getJson(`${renewalInfo.replace(/\/$/, '')}/${id}`, ca)) as {
    suggestedWindow?: { start?: string; end?: string }
  }
  const startMs = Date.parse(told.suggestedWindow?.start ?? '')
  const endMs = Date.parse(told.suggestedWindow?.end ?? '')
  if (!(endMs >= startMs)) throw new Error('a window that makes no sense')
  return { startMs, endMs }
}

/** RFC 9773, section 4.1: key of the authority and number of the certificate; null where it does not name its key. */
export function certificateId(cert: string): string | null {
  const leaf = new X509Certificate(cert)
  const authority = authorityKey(leaf.raw)
  const hex = leaf.serialNumber.padStart(leaf.serialNumber.length + (leaf.serialNumber.length % 2), '0')
  const serial = Buffer.from(hex, 'hex')
  // As a number of DER: one that would look negative has a zero in front.
  const number = (serial[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.from([0]), serial]) : serial
  return authority && `${authority.toString('base64url')}.${number.toString('base64url')}`
}

/** The extension 2.5.29.35 up to its key: an octet string that holds a sequence, which begins with a key `[0]`. */
const authorityKeyId = Buffer.from('0603551d23', 'hex')

function authorityKey(der: Buffer): Buffer | null {
  const at = der.indexOf(authorityKeyId)
  if (at === -1) return null
  const [octets, , sequence, , key, length = 0] = der.subarray(at + authorityKeyId.length)
  const begin = at + authorityKeyId.length + 6
  return octets === 4 && sequence === 0x30 && key === 0x80 ? der.subarray(begin, begin + length) : null
}

function getJson(url: string, ca: string | undefined): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>()
  const options = { signal: AbortSignal.timeout(timeoutMs), agent: false, headers: { accept: 'application/json' } }
  const asked = url.startsWith('https:')
    ? requestHttps(url, { ...options, ...(ca !== undefined && { ca }) })
    : requestHttp(url, options)
  asked.on('error', reject)
  asked.on('response', (answer) => {
    let text = ''
    answer.setEncoding('utf8').on('data', (piece: string) => {
      text += piece
      if (text.length > bodyBytesMax) answer.destroy(new Error('more than is read'))
    })
    answer.on('error', reject)
    answer.on('end', () => {
      try {
        if (answer.statusCode !== 200) throw new Error(`${url} answered ${answer.statusCode}`)
        resolve(JSON.parse(text))
      } catch (error) {
        reject(error)
      }
    })
  })
  asked.end()
  return promise
}
