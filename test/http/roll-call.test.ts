/** What the roll call makes of servers that answer, but not with a list of models. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { checkConfig, type ConfigInput } from '../../src/config.ts'
import { openHouse } from '../../src/main.ts'
import { type Log, silentLog } from '../../src/observe/log.ts'
import { until } from './harness.ts'

/** A server that answers every GET with this status and nothing of use; `count` tells how often it was asked. */
async function openListless(status: number) {
  let count = 0
  const server = createServer((_, response) => {
    count++
    response.writeHead(status, { 'content-type': 'application/json' }).end('{"detail":"no"}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    askedCount: () => count,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

type Lines = { message: string; detail?: string }[]

async function openAt(upstream: ConfigInput['upstreams'][string]) {
  const lines: Lines = []
  const note = (facts: object, message: string): void => void lines.push({ ...facts, message })
  const log: Log = { ...silentLog, info: note, warn: note }
  const config = checkConfig({ listeners: [{ port: 0 }], journal: { engine: 'memory' }, upstreams: { it: upstream } })
  return { house: await openHouse(config, log), lines }
}

for (const status of [401, 403, 404, 405, 429]) {
  test(`a server whose models are configured is up, though it answers ${status} to the question for them`, async () => {
    await using server = await openListless(status)
    const { house, lines } = await openAt({ url: server.url, models: ['m'] })
    await using _ = house
    assert.equal(house.isReady(), true)
    assert.deepEqual([house.fleet.upstreams[0]?.restLeftMs, house.fleet.models().map(({ id }) => id)], [0, ['m']])
    assert.deepEqual(
      lines.map(({ message }) => message),
      ['upstream is up'],
    )
  })
}

test('a server that fails is down, though its models are configured', async () => {
  await using server = await openListless(500)
  const { house } = await openAt({ url: server.url, models: ['m'] })
  await using _ = house
  assert.equal(house.isReady(), false)
})

test('a server that was never up is told of once, with what to look at', { timeout: 30_000 }, async () => {
  await using server = await openListless(404)
  const { house, lines } = await openAt({ url: server.url })
  await using _ = house
  await until('a second question', () => server.askedCount() > 1)
  assert.equal(house.isReady(), false)
  assert.equal(lines.length, 1)
  assert.equal(lines[0]?.message, 'upstream is down')
  assert.match(lines[0]?.detail ?? '', /check the URL \(most end in \/v1\)/)
})
