/** An authority of the laboratory that the gateways trust, and certificates: good ones and others. Made by openssl. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface Certificate {
  readonly key: Buffer
  readonly cert: Buffer
}

export type Flaw = 'none' | 'expired' | 'not-yet' | 'other-host' | 'other-authority'

let folder: string | null = null

/** Makes the authority at the first asking; gateways that start afterwards trust it. */
function authority(): string {
  if (folder !== null) return folder
  const made = mkdtempSync(join(tmpdir(), 'holdfast-authority-'))
  process.once('exit', () => rmSync(made, { recursive: true, force: true }))
  for (const name of ['good', 'other']) {
    openssl(
      'req',
      '-x509',
      ...newKey(join(made, `${name}.key`)),
      '-subj',
      `/CN=${name} lab`,
      '-days',
      '2',
      '-out',
      join(made, `${name}.pem`),
    )
  }
  writeFileSync(join(made, 'index'), '')
  writeFileSync(join(made, 'serial'), '01\n')
  const section = [`dir=${made}`, `database=${made}/index`, `new_certs_dir=${made}`, `serial=${made}/serial`]
  const more = [
    'default_md=sha256',
    'policy=any',
    'unique_subject=no',
    'copy_extensions=copy',
    '[any]',
    'commonName=supplied',
  ]
  writeFileSync(join(made, 'ca.cnf'), ['[ca]', 'default_ca=it', '[it]', ...section, ...more, ''].join('\n'))
  process.env['NODE_EXTRA_CA_CERTS'] = join(made, 'good.pem')
  return (folder = made)
}

/** One for 127.0.0.1, with a flaw or without. */
export function certificate(flaw: Flaw): Certificate {
  const made = authority()
  const [key, cert, request] = ['key.pem', 'cert.pem', 'request.pem'].map((name) => join(made, name)) as [
    string,
    string,
    string,
  ]
  const host = flaw === 'other-host' ? 'DNS:gpu7.example' : 'IP:127.0.0.1'
  const by = flaw === 'other-authority' ? 'other' : 'good'
  const dates = { expired: ['240101', '240201'], 'not-yet': ['400101', '400201'] }[flaw as string] ?? [
    '250101',
    '400101',
  ]
  openssl('req', ...newKey(key), '-subj', '/CN=gpu', '-addext', `subjectAltName=${host}`, '-out', request)
  const signed = ['-cert', join(made, `${by}.pem`), '-keyfile', join(made, `${by}.key`), '-in', request, '-out', cert]
  const [from, to] = dates.map((date) => `${date}000000Z`) as [string, string]
  openssl('ca', '-batch', '-notext', '-config', join(made, 'ca.cnf'), ...signed, '-startdate', from, '-enddate', to)
  return { key: readFileSync(key), cert: readFileSync(cert) }
}

function newKey(path: string): string[] {
  return ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', path]
}

function openssl(...args: string[]): void {
  const { status, stderr } = spawnSync('openssl', args)
  if (status !== 0) throw new Error(`openssl ${args[0]}: ${String(stderr)}`)
}
