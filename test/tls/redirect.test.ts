// The plain port beside the encrypted one: browsers are sent on, calls and keys are not; an authority finds its proof.
import assert from 'node:assert/strict'
import { request } from 'node:http'
import { test } from 'node:test'
import { freePort } from '../crash/gateway.ts'
import { openTestHouse } from '../http/harness.ts'
import { Authority, material, noOpenssl } from './certificates.ts'

const skip = noOpenssl ?? false

interface Told {
  readonly status: number
  readonly location: string | undefined
  readonly ray: string | undefined
  readonly text: string
}

function ask(port: number, path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Told> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path, method, headers, agent: false }, (answer) => {
      let text = ''
      answer.setEncoding('utf8').on('data', (piece: string) => (text += piece))
      const { location, 'holdfast-ray': ray } = answer.headers
      answer.on('end', () =>
        resolve({ status: answer.statusCode ?? 0, location, ray: ray as string | undefined, text }),
      )
    })
    asked.on('error', reject).end()
  })
}

test('browsers are sent to https; calls and keys are refused; proofs are answered', { skip }, async () => {
  using authority = new Authority()
  const port = await freePort()
  const pairs = material([authority.issue('localhost')])
  const challenges = { http: { 'a-token_1': 'a-token_1.thumb' }, alpn: [] }
  await using house = await openTestHouse({ tls: { redirect: { host: '127.0.0.1', port } } }, { ...pairs, challenges })
  const browser = await ask(port, '/chat?x=1', { host: 'chat.example:80' })
  assert.deepEqual([browser.status, browser.location], [308, `https://chat.example:${house.port}/chat?x=1`])
  assert.equal((await ask(port, '/', { host: '[::1]' })).location, `https://[::1]:${house.port}/`)
  const call = await ask(port, '/v1/chat/completions', { host: 'chat.example' }, 'POST')
  assert.deepEqual([call.status, call.location], [403, undefined])
  assert.match(call.text, /call by https/)
  assert.match(call.ray ?? '', /-local$/)
  const withKey = await ask(port, '/v1/models', { host: 'chat.example', authorization: 'Bearer abc' })
  assert.deepEqual([withKey.status, withKey.location], [403, undefined])
  for (const host of ['evil.example/x', 'a b', '"><script>']) {
    const odd = await ask(port, '/', { host })
    assert.deepEqual([odd.status, odd.location], [400, undefined], host)
  }
  const proof = await ask(port, '/.well-known/acme-challenge/a-token_1', { host: 'localhost' })
  assert.deepEqual([proof.status, proof.text], [200, 'a-token_1.thumb'])
  for (const token of ['other', 'toString', '../x']) {
    const none = await ask(port, `/.well-known/acme-challenge/${token}`, { host: 'localhost' })
    assert.equal(none.status, 308)
  }
  house.house.useTls({ ...pairs, serial: 1 })
  assert.equal((await ask(port, '/.well-known/acme-challenge/a-token_1', { host: 'localhost' })).status, 308)
})
