// Users with tokens of an identity provider: a real provider on loopback, that rotates its keys, lies and goes away.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'
import { startSim } from '../../lab/start-sim.ts'
import { chat } from './chat.ts'
import { freePort, startGateway } from './gateway.ts'

const model = 'lab'
const audience = 'holdfast'

/** An identity provider: discovery, keys, tokens. */
async function openProvider(t: TestContext, port = 0) {
  let keyCount = 0
  let asked = 0
  const published: JWK[] = []
  const server = createServer((request, response) => {
    asked++
    const { port: own } = server.address() as AddressInfo
    const issuer = `http://127.0.0.1:${own}`
    response.setHeader('content-type', 'application/json')
    if (request.url === '/keys') return response.end(JSON.stringify({ keys: published }))
    response.end(JSON.stringify({ issuer, jwks_uri: `${issuer}/keys` }))
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const makeKey = async () => {
    const { privateKey, publicKey } = await generateKeyPair('ES256')
    const kid = `key-${++keyCount}`
    return {
      privateKey,
      kid,
      publish: async () => void published.push({ ...(await exportJWK(publicKey)), kid, alg: 'ES256' }),
    }
  }
  const sign = (key: Awaited<ReturnType<typeof makeKey>>, claims: Record<string, string | number> = {}) =>
    new SignJWT({ sub: 'ann', ...claims })
      .setProtectedHeader({ alg: 'ES256', kid: key.kid })
      .setIssuer(String(claims['iss'] ?? issuer))
      .setAudience(String(claims['aud'] ?? audience))
      .setExpirationTime(Number(claims['exp'] ?? Math.floor(Date.now() / 1000) + 600))
      .sign(key.privateKey)
  return { issuer, makeKey, sign, asked: () => asked }
}

async function start(t: TestContext, issuer: string, more = '') {
  const sim = await startSim({ model, rate: 2000 })
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-users-'))
  const file = join(folder, 'holdfast.yaml')
  const user = `{ name: corp, issuer: '${issuer}', audience: ${audience}, askMs: 1000${more} }`
  const lines = [
    `upstreams: { a: { url: '${sim.url}/v1' } }`,
    `users: [${user}]`,
    'keys: [{ name: robot, key: robot-key }]',
  ]
  writeFileSync(file, lines.join('\n'))
  const gateway = await startGateway('--config', file, '--journal', 'memory')
  t.after(async () => {
    await gateway[Symbol.asyncDispose]()
    await sim.stop()
    rmSync(folder, { recursive: true })
  })
  const ask = async (token: string): Promise<string> => {
    const { verdict, code } = await chat(gateway.url, model, 'tokens:3', true, token)
    return code ?? verdict
  }
  return { ask, gateway }
}

test('a token of the provider is as good as a key, under the name of its user; others are refused in words', async (t) => {
  const provider = await openProvider(t)
  const key = await provider.makeKey()
  await key.publish()
  const { ask, gateway } = await start(t, provider.issuer, ', limits: { requestsPerMinute: 30 }')
  assert.equal(await ask(await provider.sign(key)), 'whole')
  const looks = provider.asked()
  const same = await provider.sign(key, { sub: 'bob' })
  assert.deepEqual(new Set(await Promise.all(Array.from({ length: 20 }, () => ask(same)))), new Set(['whole']))
  assert.equal(provider.asked(), looks, 'its keys are known')
  assert.equal(await ask('robot-key'), 'whole', 'keys go on to work')
  assert.equal(
    await ask(await provider.sign(key, { exp: Math.floor(Date.now() / 1000) - 5 })),
    'whole',
    'clocks differ',
  )
  // Whoever may choose his name cannot take the place of one who is known by a hash.
  const hashed = createHash('sha256').update('Zoë Ångström').digest('base64url').slice(0, 22)
  for (const sub of ['Zoë Ångström', hashed]) assert.equal(await ask(await provider.sign(key, { sub })), 'whole')
  const stranger = await provider.makeKey()
  const seconds = Math.floor(Date.now() / 1000)
  const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${same.split('.')[1]}.AAAA`
  const bad = [
    await provider.sign(key, { aud: 'another' }),
    await provider.sign(key, { exp: seconds - 3600 }),
    await provider.sign(key, { nbf: seconds + 3600 }),
    await provider.sign(key, { sub: '' }),
    await provider.sign({ ...stranger, kid: key.kid }),
    await provider.sign(key, { iss: 'http://127.0.0.1:1' }),
    ...[`${same.slice(0, -6)}AAAAAA`, none, 'a.b.c', `${'x'.repeat(20_000)}.b.c`],
  ]
  for (const token of bad) assert.equal(await ask(token), 'HF_KEY_UNKNOWN', token.slice(0, 200))
  // At its end the last lines of the log are written.
  await gateway.end('SIGTERM')
  const callers = new Set(gateway.lines.map(({ caller }) => caller))
  assert(callers.has('corp:ann') && callers.has('corp:bob') && callers.has('robot'), [...callers].join())
  assert(callers.has(`corp:~${hashed}`) && callers.has(`corp:${hashed}`), [...callers].join())
  assert(!gateway.lines.some((line) => JSON.stringify(line).includes(same)), 'no token in the log')
})

test('limits hold for each user', async (t) => {
  const provider = await openProvider(t)
  const key = await provider.makeKey()
  await key.publish()
  const { ask } = await start(t, provider.issuer, ', limits: { requestsPerMinute: 2 }')
  const [ann, bob] = [await provider.sign(key), await provider.sign(key, { sub: 'bob' })]
  assert.deepEqual([await ask(ann), await ask(ann), await ask(ann)], ['whole', 'whole', 'HF_KEY_RATE'])
  assert.equal(await ask(bob), 'whole')
})

test('a provider that is away is nobody’s wrong key: 503, keys go on, and so do tokens once it is back', async (t) => {
  const port = await freePort()
  const { ask } = await start(t, `http://127.0.0.1:${port}`)
  const elsewhere = await openProvider(t)
  const key = await elsewhere.makeKey()
  const token = await elsewhere.sign(key, { iss: `http://127.0.0.1:${port}` })
  assert.equal(await ask(token), 'HF_TOKEN_UNVERIFIED')
  assert.equal(await ask('robot-key'), 'whole')
  const provider = await openProvider(t, port)
  const own = await provider.makeKey()
  await own.publish()
  assert.equal(await ask(await provider.sign(own)), 'whole')
})
