/** Reads a certificate and its key, and says what is wrong with them. */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import type { CertificatePair } from '../../edge/tls/tls-material.ts'

/** A pair, and what people and alerts want to know of it. */
export interface KnownPair extends CertificatePair {
  readonly fromMs: number
  readonly untilMs: number
  readonly issuer: string
}

/** @throws {Error} in words for people: no certificate, no key, or a key that is not its own. */
export function readPair(cert: string, key: string): KnownPair {
  const leaf = read('the certificate cannot be read', () => new X509Certificate(cert))
  const secret = read('the key cannot be read', () => createPrivateKey(key))
  if (!leaf.checkPrivateKey(secret)) throw new Error('the key is not that of the certificate')
  return {
    names: namesOf(leaf),
    cert,
    key,
    fromMs: Date.parse(leaf.validFrom),
    untilMs: Date.parse(leaf.validTo),
    issuer: /^(?:CN|O)=(.*)$/m.exec(leaf.issuer)?.[1] ?? '',
  }
}

/** Of its alternative names, those of hosts; a common name counts no more (RFC 9110, section 4.3.4). */
function namesOf({ subjectAltName = '' }: X509Certificate): string[] {
  return [...subjectAltName.matchAll(/(?:^|, )DNS:([^,"]+)/g)].map(([, name = '']) => name.toLowerCase())
}

function read<T>(trouble: string, reader: () => T): T {
  try {
    return reader()
  } catch (error) {
    throw new Error(`${trouble}: ${(error as Error).message}`, { cause: error })
  }
}
