/** Posting to webhooks: what comes back, what does not, and where nothing is sent at all. */
import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { postWebhook } from '../../src/relay/wire/webhook-post.ts'

async function listening(
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<{ port: number; calls: () => number } & AsyncDisposable> {
  let calls = 0
  const server = createServer((request, response) => {
    calls++
    handle(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    calls: () => calls,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

test('the body arrives as it is, and the answer comes back', async () => {
  await using server = await listening((request, response) => {
    let text = ''
    request.on('data', (bytes: Buffer) => (text += bytes.toString()))
    request.on('end', () => response.writeHead(202).end(`${String(request.headers['x-sign'])} ${text}`))
  })
  for (const host of ['127.0.0.1', 'localhost']) {
    const answer = await postWebhook(`http://${host}:${server.port}/hook`, { 'x-sign': 's' }, 'péché', 2000)
    assert.deepEqual(answer, { status: 202, body: 's péché' })
  }
})

test('a redirect is an answer and not followed', async () => {
  await using server = await listening((_request, response) => response.writeHead(302, { location: '/other' }).end())
  assert.equal((await postWebhook(`http://127.0.0.1:${server.port}/`, {}, '', 2000)).status, 302)
  assert.equal(server.calls(), 1)
})

test('an answer that is too long, or never comes, is none', async () => {
  await using endless = await listening((_request, response) => {
    const more = (): void => {
      while (response.write('x'.repeat(10_000)));
    }
    response.on('drain', more)
    more()
  })
  await assert.rejects(postWebhook(`http://127.0.0.1:${endless.port}/`, {}, '', 2000), /too long/)
  await using silent = await listening(() => {})
  await assert.rejects(postWebhook(`http://127.0.0.1:${silent.port}/`, {}, '', 100), /abort|timeout/i)
})

test('with https nothing is sent into the house, by address or by a name that leads there', async () => {
  await using server = await listening((_request, response) => response.end())
  for (const host of ['127.0.0.1', 'localhost', '[::1]', '169.254.169.254'])
    await assert.rejects(postWebhook(`https://${host}:${server.port}/`, {}, '', 2000), /not allowed/, host)
  await assert.rejects(postWebhook('http://10.0.0.1/', {}, '', 2000), /not allowed/)
  assert.equal(server.calls(), 0)
})
