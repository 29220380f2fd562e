// What else comes to an encrypted port: clients without TLS, or with half a handshake. None of it is taken for a call.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { openTestHouse, until } from '../http/harness.ts'
import { Authority, material, noOpenssl } from './certificates.ts'

const skip = noOpenssl ?? false

test('who does not speak TLS, or stops in the middle, is let go, and others are served', { skip }, async () => {
  using authority = new Authority()
  const settings = { limits: { headersMs: 500, requestMs: 1000 } }
  await using house = await openTestHouse(settings, material([authority.issue('localhost')]))
  const plain = 'GET / HTTP/1.1\r\nhost: a\r\n\r\n'
  const cutHello = Buffer.from('16030102000100', 'hex')
  for (const bytes of [plain, cutHello, Buffer.alloc(3000, 0x16), '', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n']) {
    const socket = connect(house.port, '127.0.0.1')
    socket.on('error', () => {})
    let told = ''
    socket.on('data', (piece: Buffer) => (told += piece.toString('latin1')))
    socket.write(bytes)
    await once(socket, 'close')
    assert.doesNotMatch(told, /HTTP\//, 'no answer that nobody could trust')
  }
  assert.deepEqual(house.accounts, [])
  await until('nobody to be left', () => house.house.callsLive() === 0)
  const { status } = await fetchOver(house.port, authority.cert)
  assert.equal(status, 200)
})

async function fetchOver(port: number, ca: string): Promise<{ status: number }> {
  const { request } = await import('node:https')
  const asked = request({
    host: '127.0.0.1',
    port,
    path: '/v1/models',
    servername: 'localhost',
    ca,
    agent: false,
  }).end()
  const [answer] = (await once(asked, 'response')) as [{ statusCode: number; resume(): void }]
  answer.resume()
  return { status: answer.statusCode }
}
