// Requests that are sent ahead over HTTP/1.1: served one after the other, in order, and no more read than that takes.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { setImmediate as soon } from 'node:timers/promises'
import { test } from 'node:test'
import { systemClock } from '../ground/clock.ts'
import { Pipeline } from './pipeline.ts'

interface Stage extends AsyncDisposable {
  readonly port: number
  /** Requests that node:http has read, those that were taken up, and how many of these at once. */
  parsed: number
  readonly taken: string[]
  atOnceMost: number
  readonly open: ServerResponse[]
}

async function openStage(): Promise<Stage> {
  const pipeline = new Pipeline(systemClock)
  const server = createServer((request, response) => {
    stage.parsed++
    pipeline.take(response, () => {
      stage.taken.push(request.url ?? '')
      stage.atOnceMost = Math.max(stage.atOnceMost, stage.open.push(response))
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const stage: Stage = {
    port: (server.address() as AddressInfo).port,
    parsed: 0,
    taken: [],
    atOnceMost: 0,
    open: [],
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await once(server.close(), 'close')
    },
  }
  return stage
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await soon()
}

test('each is taken up when the one ahead is answered, and a body that comes late is read', {
  timeout: 20_000,
}, async () => {
  await using stage = await openStage()
  const socket = connect(stage.port, '127.0.0.1')
  let text = ''
  socket.setEncoding('latin1').on('data', (piece: string) => (text += piece))
  const head = (name: string): string => `POST /${name} HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\n`
  socket.write(`GET /1 HTTP/1.1\r\nhost: a\r\n\r\nGET /2 HTTP/1.1\r\nhost: a\r\n\r\n${head('3')}`)
  for (const name of ['/1', '/2']) {
    await until(() => stage.open.length === 1)
    assert.equal(stage.taken.at(-1), name)
    for (let i = 0; i < 5; i++) await soon()
    assert.equal(stage.open.length, 1)
    stage.open.pop()?.end(name)
  }
  await until(() => stage.open.length === 1)
  const [last] = stage.open
  socket.write('body')
  let body = ''
  last?.req.setEncoding('latin1').on('data', (piece: string) => (body += piece))
  await until(() => body === 'body')
  last?.end('/3')
  await until(() => text.endsWith('/3'))
  assert.deepEqual(text.match(/(?<=\n)\/\d|\/3$/g), ['/1', '/2', '/3'])
  stage.open.pop()
  socket.write('GET /4 HTTP/1.1\r\nhost: a\r\n\r\n')
  await until(() => stage.taken.length === 4)
  socket.destroy()
})

test('who sends thousands ahead has one under way, gets some, and is to ask anew for the rest', {
  timeout: 20_000,
}, async () => {
  await using stage = await openStage()
  const socket = connect(stage.port, '127.0.0.1')
  let text = ''
  socket.setEncoding('latin1').on('data', (piece: string) => (text += piece))
  socket.on('error', () => {})
  const sentCount = 50_000
  socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n'.repeat(sentCount))
  await until(() => stage.open.length === 1 && stage.parsed > 1)
  for (let i = 0; i < 50; i++) await soon()
  assert.ok(stage.parsed < sentCount / 5, `${stage.parsed} were read before the first was answered`)
  let isClosed = false
  socket.once('close', () => (isClosed = true))
  while (!isClosed) {
    stage.open.pop()?.end('an answer')
    await soon()
  }
  assert.equal(stage.atOnceMost, 1)
  assert.equal(text.match(/an answer/g)?.length, 65)
  assert.match(text.slice(text.lastIndexOf('HTTP/1.1')), /connection: close/i)
})
