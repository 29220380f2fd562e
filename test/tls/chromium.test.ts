// A real browser at an encrypted listener: it exchanges keys by the hybrid group, speaks HTTP/2, and reads a stream.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openBrowser } from '../http/chat-app.ts'
import { EchoServer } from '../http/echo-sockets.ts'
import { openTestHouse, streamBody } from '../http/harness.ts'
import { Authority, material, noOpenssl } from './certificates.ts'

const skip = noOpenssl ?? false

interface Seen {
  readonly url: string
  readonly protocol: string
  readonly securityDetails?: { readonly protocol: string; readonly keyExchangeGroup?: string; readonly cipher: string }
}

test('Chromium negotiates X25519MLKEM768 and HTTP/2, and reads a streamed answer', { skip }, async (t) => {
  const browser = await openBrowser()
  if (typeof browser === 'string') return t.skip(browser)
  try {
    using authority = new Authority()
    await using house = await openTestHouse({}, material([authority.issue('localhost', '127.0.0.1')]))
    const context = await browser.newContext({ ignoreHTTPSErrors: true })
    const page = await context.newPage()
    const devtools = await context.newCDPSession(page)
    const seen: Seen[] = []
    devtools.on('Network.responseReceived', ({ response }) => void seen.push(response as Seen))
    await devtools.send('Network.enable')
    const url = `https://localhost:${house.port}`
    await page.goto(`${url}/v1/models`)
    const text = await page.evaluate(async (body) => {
      const headers = { 'content-type': 'application/json' }
      const answer = await fetch('/v1/chat/completions', { method: 'POST', headers, body })
      return await answer.text()
    }, streamBody)
    assert.match(text, /hello.*\[DONE\]/s)
    const call = seen.find((each) => each.url.endsWith('/completions'))
    const { protocol, securityDetails } = call ?? seen[0] ?? assert.fail('nothing was received')
    t.diagnostic(`${browser.version()}: ${JSON.stringify(securityDetails)} over ${protocol}`)
    assert.equal(securityDetails?.protocol, 'TLS 1.3')
    assert.equal(securityDetails.keyExchangeGroup, 'X25519MLKEM768')
    assert.equal(protocol, 'h2')
  } finally {
    await browser.close()
  }
})

test('Chromium opens a WebSocket as a stream of the connection that it has', { skip }, async (t) => {
  const browser = await openBrowser()
  if (typeof browser === 'string') return t.skip(browser)
  try {
    using authority = new Authority()
    await using echo = await EchoServer.open()
    const web = { routes: [{ path: '/', app: new URL(echo.url).origin }] }
    await using house = await openTestHouse({ web }, material([authority.issue('localhost', '127.0.0.1')]))
    const context = await browser.newContext({ ignoreHTTPSErrors: true })
    const page = await context.newPage()
    await page.goto(`https://localhost:${house.port}/v1/models`)
    const heard = await page.evaluate(async (url) => {
      const socket = new WebSocket(url)
      await new Promise((resolve, reject) => {
        socket.addEventListener('open', resolve)
        socket.addEventListener('error', reject)
      })
      socket.send('hello')
      return await new Promise<string>((resolve) =>
        socket.addEventListener('message', ({ data }) => resolve(String(data))),
      )
    }, `wss://localhost:${house.port}/talk`)
    assert.equal(heard, 'hello')
    const via = String(echo.requests.at(-1)?.headers.via)
    t.diagnostic(`${browser.version()}: ${via}`)
    assert.match(via, /^2\.0 /)
  } finally {
    await browser.close()
  }
})
