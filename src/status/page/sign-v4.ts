/**
 * The signature that S3 and its like ask for: AWS Signature Version 4, with the hash of the body among what is signed.
 * Pure. Source: "Authenticating Requests: Using the Authorization Header (AWS Signature Version 4)", Amazon S3 API
 * Reference.
 */
import { createHash, createHmac } from 'node:crypto'

const algorithm = 'AWS4-HMAC-SHA256'
const service = 's3'

export interface Signer {
  readonly accessKey: string
  readonly secretKey: string
  readonly region: string
}

export interface ToSign {
  readonly method: string
  readonly url: URL
  /** All are signed; names in lower case, without `host`. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()
const hex = (data: Uint8Array | string): string => createHash('sha256').update(data).digest('hex')

/** As RFC 3986 has it: letters, digits and `-._~` stay. */
const encode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`)

/** The path of an object as it is asked for and as it is signed. */
export const objectPath = (key: string): string => key.split('/').map(encode).join('/')

/** The headers to send: those given, and what the signature adds. `nowMs`: the store refuses a wrong clock. */
export function signV4({ method, url, headers, body }: ToSign, signer: Signer, nowMs: number): Record<string, string> {
  const stamp = new Date(nowMs).toISOString().replace(/[-:]|\.\d{3}/g, '')
  const day = stamp.slice(0, 8)
  const bodyHash = hex(body)
  const all: Record<string, string> = {
    ...headers,
    host: url.host,
    'x-amz-content-sha256': bodyHash,
    'x-amz-date': stamp,
  }
  const names = Object.keys(all).toSorted()
  const query = [...url.searchParams]
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .toSorted()
    .join('&')
  const canonical = [
    ...[method, url.pathname, query],
    ...names.map((name) => `${name}:${(all[name] ?? '').trim().replace(/ +/g, ' ')}`),
    ...['', names.join(';'), bodyHash],
  ].join('\n')
  const scope = `${day}/${signer.region}/${service}/aws4_request`
  const key = [day, signer.region, service, 'aws4_request'].reduce<string | Buffer>(hmac, `AWS4${signer.secretKey}`)
  const signature = hmac(key, [algorithm, stamp, scope, hex(canonical)].join('\n')).toString('hex')
  const authorization = `${algorithm} Credential=${signer.accessKey}/${scope},SignedHeaders=${names.join(';')},Signature=${signature}`
  return { ...all, authorization }
}
