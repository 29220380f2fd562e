// Servers that the gateway asks behind the scenes, and that say what makes no sense: told in words, within bounds.
import assert from 'node:assert/strict'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { verifierOf } from '../../src/edge/keys/verify-token.ts'
import { ManualClock } from '../../src/ground/manual-clock.ts'
import { probe } from '../../src/relay/wire/probe.ts'

async function serve(
  answer: (url: string, response: ServerResponse) => void,
): Promise<AsyncDisposable & { url: string }> {
  const server = createServer((request, response) => answer(request.url ?? '', response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

const patienceMs = 20_000

test('a list of models with holes in it names those that are there', async () => {
  await using server = await serve((_, response) => response.end('{"data":[null,{"id":"m"},3,{"id":4}]}'))
  const { models } = await probe(new URL(`${server.url}/v1`), { kind: 'compatible', key: null }, patienceMs)
  assert.deepEqual(models, ['m'])
})

test('an answer that is null is no list of models', async () => {
  await using server = await serve((_, response) => response.end('null'))
  const asked = probe(new URL(`${server.url}/v1`), { kind: 'compatible', key: null }, patienceMs)
  await assert.rejects(asked, /no list of models/)
})

for (const [what, isKeys] of [
  ['description', false],
  ['keys', true],
] as const)
  test(`an identity provider whose ${what} have no end is not read to the end`, async () => {
    let sentBytes = 0
    await using server = await serve((url, response) => {
      const isEndless = isKeys === url.endsWith('/keys')
      if (!isEndless) return void response.end(JSON.stringify({ issuer: server.url, jwks_uri: `${server.url}/keys` }))
      const pour = (): void => {
        while (!response.destroyed && sentBytes < 64 * 2 ** 20 && response.write(' '.repeat(16_384)))
          sentBytes += 16_384
        if (sentBytes < 64 * 2 ** 20) response.once('drain', pour)
        else response.end('{}')
      }
      pour()
    })
    const options = { name: 'p', issuer: server.url, audience: 'a', userClaim: 'sub', askMs: patienceMs }
    const verify = verifierOf(options as unknown as Parameters<typeof verifierOf>[0], new ManualClock())
    const token = `${Buffer.from('{"alg":"ES256"}').toString('base64url')}.${Buffer.from('{}').toString('base64url')}.AAAA`
    await assert.rejects(verify(token), /more than 262144 bytes/)
    assert.ok(sentBytes < 32 * 2 ** 20, `${sentBytes} bytes were read`)
  })
