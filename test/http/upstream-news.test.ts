/** What the record is told of servers that cannot be reached: the fault, its words, and a bad certificate's dates. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { checkConfig } from '../../src/config.ts'
import { openHouse } from '../../src/main.ts'
import type { UpstreamFact } from '../../src/observe/fact.ts'
import { silentLog } from '../../src/observe/log.ts'
import { RecordQuery } from '../../src/store/sqlite-record-query.ts'

/** What is told of a server at this URL by the time that the house is open and closed again. */
async function newsOf(url: string): Promise<UpstreamFact[]> {
  const stateDir = mkdtempSync(join(tmpdir(), 'holdfast-news-'))
  try {
    const house = await openHouse(
      checkConfig({ listeners: [{ port: 0 }], stateDir, upstreams: { it: { url } } }),
      silentLog,
    )
    await house[Symbol.asyncDispose]()
    using reader = new RecordQuery(join(stateDir, 'record.db'))
    return reader.latest({ kinds: ['upstream'] }, 10).entries.map(({ fact }) => fact as UpstreamFact)
  } finally {
    rmSync(stateDir, { recursive: true, maxRetries: 20, retryDelay: 100 })
  }
}

for (const [what, url, code, words] of [
  ['a port where nobody listens', 'http://127.0.0.1:1/v1', 'HF_UPSTREAM_REFUSED', /ECONNREFUSED/],
  ['a name that does not resolve', `http://${'x'.repeat(64)}.invalid/v1`, 'HF_DNS_FAILED', /ENOTFOUND|EAI_AGAIN/],
] as const)
  test(`${what} is told as ${code}`, async () => {
    const [news, ...more] = await newsOf(url)
    assert.deepEqual(more, [])
    assert.deepEqual([news?.state, news?.seenBy, news?.code, news?.certificate], ['down', 'roll-call', code, null])
    assert.match(news?.detail ?? '', words)
  })

/** Signed by itself, for a name, and a day too old; null where there is no openssl. */
function expiredCertificate(): { key: Buffer; cert: Buffer } | null {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-cert-'))
  const [key, wish, cert] = ['key', 'wish', 'cert'].map((name) => join(folder, name)) as [string, string, string]
  const run = (...args: string[]): boolean => spawnSync('openssl', args).status === 0
  try {
    const isMade =
      run('req', '-new', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', wish, '-subj', '/CN=gpu.test') &&
      run('x509', '-req', '-in', wish, '-signkey', key, '-days', '-1', '-out', cert)
    return isMade ? { key: readFileSync(key), cert: readFileSync(cert) } : null
  } finally {
    rmSync(folder, { recursive: true, maxRetries: 20, retryDelay: 100 })
  }
}

test('of a certificate that has run out it is told whose it is, and since when', async (t) => {
  const made = expiredCertificate()
  if (!made) return t.skip('there is no openssl that makes one')
  const server = createServer(made, (_, response) => response.end('{}')).listen(0, '127.0.0.1')
  try {
    await once(server, 'listening')
    const [news] = await newsOf(`https://127.0.0.1:${(server.address() as AddressInfo).port}/v1`)
    assert.deepEqual([news?.state, news?.code, news?.certificate?.subject], ['down', 'HF_TLS_CERTIFICATE', 'gpu.test'])
    assert.ok((news?.certificate?.notAfterMs ?? Number.POSITIVE_INFINITY) < Date.now())
  } finally {
    server.close()
  }
})
