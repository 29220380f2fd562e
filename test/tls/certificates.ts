/** Certificates for tests, made by openssl: an authority of the test's own, and what it signs. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TlsMaterial } from '../../src/edge/tls/tls-material.ts'
import { readPair } from '../../src/house/tls/read-pair.ts'

export interface Made {
  readonly cert: string
  readonly key: string
  readonly certPath: string
  readonly keyPath: string
}

/** Why there are none, where that is so. */
export const noOpenssl: string | null =
  spawnSync('openssl', ['version']).status === 0 ? null : 'there is no openssl to make certificates'

export class Authority implements Disposable {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'holdfast-tls-'))
  readonly cert: string
  readonly certPath: string
  #count = 0

  constructor() {
    this.certPath = join(this.folder, 'authority.pem')
    const key = join(this.folder, 'authority.key')
    run('req', '-x509', ...newKey, '-keyout', key, '-out', this.certPath, '-days', '30', '-subj', '/CN=A test')
    this.cert = readFileSync(this.certPath, 'utf8')
  }

  /** A certificate for these names (or addresses), in files of its own. */
  issue(...names: string[]): Made {
    const at = (end: string): string => join(this.folder, `${this.#count}.${end}`)
    this.#count++
    const alternatives = names.map((name) => (/^[\d.]+$/.test(name) ? `IP:${name}` : `DNS:${name}`)).join(',')
    writeFileSync(at('ext'), `subjectAltName=${alternatives}\nextendedKeyUsage=serverAuth,clientAuth\n`)
    run('req', '-new', ...newKey, '-keyout', at('key'), '-out', at('csr'), '-subj', `/CN=${names[0]}`)
    const authority = ['-CA', this.certPath, '-CAkey', join(this.folder, 'authority.key'), '-CAcreateserial']
    run('x509', '-req', '-in', at('csr'), ...authority, '-days', '20', '-extfile', at('ext'), '-out', at('pem'))
    const [certPath, keyPath] = [at('pem'), at('key')]
    return { cert: readFileSync(certPath, 'utf8'), key: readFileSync(keyPath, 'utf8'), certPath, keyPath }
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']

function run(...args: string[]): void {
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] })
}

/** What a listener is told. */
export function material(pairs: readonly Made[], more: Partial<TlsMaterial> = {}): TlsMaterial {
  const certificates = pairs.map(({ cert, key }) => readPair(cert, key))
  const ticketKey = Buffer.alloc(48, 7).toString('base64')
  return { serial: 0, certificates, ticketKey, challenges: { http: {}, alpn: [] }, ...more }
}
