/** What authorities say of renewals, and by which name they know a certificate. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { noOpenssl } from '../../../test/tls/certificates.ts'
import { askRenewalWindow, certificateId } from './renewal-info.ts'

const skip = noOpenssl ?? false
const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']

/** With the key identifier and the number of the example in RFC 9773, section 4.1. */
function exampleCertificate(): string {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-ari-'))
  const at = (name: string): string => join(folder, name)
  const run = (...args: string[]): void => void execFileSync('openssl', args, { stdio: 'ignore' })
  try {
    const keyId = '69:88:5B:6B:87:46:40:41:E1:B3:7B:84:7B:A0:AE:2C:DE:01:C8:D4'
    const own = ['-subj', '/CN=An authority', '-addext', `subjectKeyIdentifier=${keyId}`]
    run('req', '-x509', ...newKey, '-keyout', at('ca.key'), '-out', at('ca.pem'), '-days', '9', ...own)
    run('req', '-new', ...newKey, '-keyout', at('key'), '-out', at('csr'), '-subj', '/CN=a.example')
    writeFileSync(at('ext'), 'authorityKeyIdentifier=keyid\n')
    const signed = ['-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-set_serial', '0x87654321', '-extfile', at('ext')]
    run('x509', '-req', '-in', at('csr'), ...signed, '-days', '9', '-out', at('pem'))
    return readFileSync(at('pem'), 'utf8')
  } finally {
    rmSync(folder, { recursive: true })
  }
}

test('a certificate is named as in the example of the standard', { skip }, () => {
  assert.equal(certificateId(exampleCertificate()), 'aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE')
})

test('the window that an authority suggests is read; one without an opinion is asked no further', {
  skip,
}, async () => {
  const cert = exampleCertificate()
  const asked: string[] = []
  let directory: object = {}
  let told: unknown = {}
  const server = createServer((request, response) => {
    asked.push(request.url ?? '')
    response.end(JSON.stringify(request.url === '/dir' ? directory : told))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  try {
    assert.equal(await askRenewalWindow(`${url}/dir`, cert, undefined), null)
    assert.deepEqual(asked, ['/dir'])
    directory = { renewalInfo: `${url}/renewal` }
    told = { suggestedWindow: { start: '2026-01-02T03:04:05Z', end: '2026-01-03T00:00:00Z' } }
    const window = { startMs: Date.parse('2026-01-02T03:04:05Z'), endMs: Date.parse('2026-01-03T00:00:00Z') }
    assert.deepEqual(await askRenewalWindow(`${url}/dir`, cert, undefined), window)
    assert.equal(asked.at(-1), '/renewal/aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE')
    for (const nonsense of [{}, null, { suggestedWindow: { start: '2027-01-01', end: '2026-01-01' } }]) {
      told = nonsense
      await assert.rejects(askRenewalWindow(`${url}/dir`, cert, undefined))
    }
  } finally {
    server.close()
  }
})
