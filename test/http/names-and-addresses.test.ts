/** Names with several addresses, of which some are dead, and resolvers that fail: over real sockets. */
import assert from 'node:assert/strict'
import type { LookupAddress } from 'node:dns'
import { createServer } from 'node:http'
import type { AddressInfo, LookupFunction } from 'node:net'
import { describe, test } from 'node:test'
import { Hellos } from '../../src/relay/wire/hellos.ts'
import { Names } from '../../src/relay/wire/names.ts'
import { probe } from '../../src/relay/wire/probe.ts'
import { answerOf, blackHole, exchange, HandClock, openWire, rawServer, send, until } from './wire-rig.ts'

const limit = { timeout: 20_000 }

function lookupOf(...addresses: string[]): LookupFunction {
  const all: LookupAddress[] = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
  return (_host, _options, done) => done(null, all)
}

describe('a name with several addresses', limit, () => {
  test('of which the first refuses costs nothing', async () => {
    await using server = await rawServer((socket) => socket.write(answerOf('second')))
    const clock = new HandClock() // it stands still: nothing is waited for
    for (const dead of ['127.0.0.2', '::1']) {
      const url = new URL(`http://two.test:${server.port}`)
      await using wire = openWire({ url, clock, lookup: lookupOf(dead, '127.0.0.1') })
      assert.equal((await exchange(wire)).body, 'second')
    }
  })

  test('of which the first swallows all packets costs a quarter of a second, once', async (t) => {
    await using hole = await blackHole()
    if (hole === null) return t.skip('this system lets connections in beyond the accept queue')
    await using server = await rawServer((socket) => socket.end(answerOf('second')), hole.port, '127.0.0.3')
    const clock = new HandClock()
    const names = new Names(clock, lookupOf('127.0.0.1', '127.0.0.3'))
    await using wire = openWire({ url: new URL(`http://two.test:${server.port}`), clock, names })
    const { recorder } = send(wire)
    clock.advance(249)
    await new Promise((resolve) => setTimeout(resolve, 50))
    assert.equal(server.count, 0)
    clock.advance(1)
    await recorder.over
    assert.equal(recorder.body, 'second')
    // The one that worked is tried first now.
    assert.equal((await exchange(wire)).body, 'second')
    await until(() => wire.openCount === 0)
  })

  test('that are all dead fails in time, and with a cause', async () => {
    const server = await rawServer(() => {})
    const { port } = server
    await server[Symbol.asyncDispose]()
    const lookup = lookupOf('127.0.0.2', '127.0.0.3', '::1')
    await using wire = openWire({ url: new URL(`http://three.test:${port}`), lookup })
    assert.equal((await exchange(wire)).fault?.code, 'HF_UPSTREAM_REFUSED')
    assert.equal(wire.openCount, 0)
  })
})

describe('a resolver that fails after its first answer', limit, () => {
  function failingNames() {
    let askedCount = 0
    const clock = new HandClock()
    const names = new Names(clock, (_host, _options, done) => {
      if (askedCount++ === 0) done(null, [{ address: '127.0.0.1', family: 4 }])
      else setImmediate(done, Object.assign(new Error('down'), { code: 'EAI_AGAIN' }), [])
    })
    return { clock, names, askedCount: () => askedCount }
  }

  test('takes no server away', async () => {
    const { clock, names, askedCount } = failingNames()
    await using server = await rawServer((socket) => socket.end(answerOf('here')))
    await using wire = openWire({ url: new URL(`http://once.test:${server.port}`), clock, names })
    for (let i = 0; i < 5; i++) {
      assert.equal((await exchange(wire)).body, 'here')
      clock.advance(5 * 60_000)
    }
    assert.equal(askedCount(), 5)
  })

  test('does not make the roll call believe that the server is down', async () => {
    const { clock, names } = failingNames()
    const server = createServer((_, response) => response.end('{"data":[{"id":"m"}]}'))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const url = new URL(`http://once.test:${(server.address() as AddressInfo).port}/v1`)
    for (let i = 0; i < 3; i++) {
      const { models } = await probe(url, { kind: 'compatible', key: null }, 5000, {
        names,
        hellos: new Hellos(clock),
        tlsOf: () => ({}),
      })
      assert.deepEqual(models, ['m'])
      clock.advance(60_000)
    }
    await new Promise((resolve) => server.close(resolve))
  })
})

test('a server that moved is found at its new address as soon as the old one refuses', limit, async () => {
  let address = '127.0.0.2'
  const clock = new HandClock()
  const names = new Names(clock, (_host, _options, done) => done(null, [{ address, family: 4 }]))
  await using server = await rawServer((socket) => socket.end(answerOf('moved')))
  await using wire = openWire({ url: new URL(`http://moves.test:${server.port}`), clock, names })
  assert.equal((await exchange(wire)).fault?.code, 'HF_UPSTREAM_REFUSED')
  address = '127.0.0.1'
  // The resolver was asked a moment ago; a second later it is asked again.
  clock.advance(1000)
  await exchange(wire)
  assert.equal((await exchange(wire)).body, 'moved')
})
