/** What a worker tells of itself, from calls that it served; and when the certificates of upstreams run out. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createServer as createTlsServer } from 'node:tls'
import { lookAtCertificate } from '../../src/relay/wire/certificate-look.ts'
import { openTestHouse, post, sayHello, ScriptedUpstream, streamBody } from '../http/harness.ts'

test('calls are counted for objectives, and what a provider says of its limits is heard', async () => {
  await using provider = await ScriptedUpstream.open()
  await using stage = await openTestHouse({
    upstreams: { paid: { url: provider.url, kind: 'openai', models: ['m'], key: 'sk-test' } },
    pools: { all: { upstreams: ['paid'], attemptsMax: 1 } },
  })
  const { house } = stage
  provider.script = (call) => {
    call.response.setHeader('x-ratelimit-limit-requests', '100')
    call.response.setHeader('x-ratelimit-remaining-requests', '7')
    sayHello(call)
  }
  assert.equal((await stage.ask(post(streamBody))).status, 200)
  // A stream that is cut in the middle, with nobody to go on: its status was 200 all the same.
  provider.script = (call) => {
    call.beginStream()
    call.say('hel')
    setTimeout(() => call.response.destroy(), 20)
  }
  await using client = await stage.visit()
  client.write(post(streamBody))
  const settled = (): number => house.signs().objectives['availability']?.reduce((sum, each) => sum + each, 0) ?? 0
  for (let i = 0; i < 2000 && settled() < 2; i++) await new Promise((resolve) => setTimeout(resolve, 5))
  const { objectives, firstTokens, quotas, quotasLeft, pools } = house.signs()
  assert.deepEqual(objectives['availability'], [1, 1])
  assert.deepEqual(objectives['continuation'], [0, 1])
  assert.equal(firstTokens.count, 2)
  assert.ok((quotas['paid']?.attempts ?? 0) >= 2)
  assert.equal(quotasLeft['paid'], 0.07)
  assert.deepEqual(Object.keys(pools), ['all'])
})

function makeCertificate(folder: string, days: number): { key: string; cert: string } | null {
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const kind = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', String(days)]
  try {
    execFileSync('openssl', ['req', ...kind, '-keyout', key, '-out', cert, '-subj', '/CN=x'], { stdio: 'ignore' })
    return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') }
  } catch {
    return null
  }
}

test('the end of a certificate is read, though nobody vouches for it', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-certificate-'))
  const made = makeCertificate(folder, 5)
  rmSync(folder, { recursive: true, maxRetries: 20, retryDelay: 100 })
  if (!made) return t.skip('openssl is not here to make a certificate')
  const server = createTlsServer(made, (socket) => socket.on('error', () => {}))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    const { port } = server.address() as AddressInfo
    const dates = await lookAtCertificate(new URL(`https://127.0.0.1:${port}/v1`), 5000)
    assert.ok(dates)
    assert.equal(Math.round((dates.untilMs - dates.fromMs) / 86_400_000), 5)
  } finally {
    server.close()
  }
})

test('a server that is silent, or not there, has no certificate that we know of', async () => {
  const server = createServer((socket) => socket.on('error', () => {}).resume())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  assert.equal(await lookAtCertificate(new URL(`https://127.0.0.1:${port}`), 200), null)
  await new Promise((resolve) => server.close(resolve))
  assert.equal(await lookAtCertificate(new URL(`https://127.0.0.1:${port}`), 2000), null)
})
