// A model server is taken out of a running gateway while it has answers in hand: they go on elsewhere, to the byte.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openSimServer, type SimServer } from '../../lab/sim-server.ts'
import { Upstream } from '../../src/fleet/upstream.ts'
import { upstreamSchema } from '../../src/fleet/upstream-options.ts'
import { systemClock } from '../../src/ground/clock.ts'
import type { House } from '../../src/main.ts'
import { chat, type Outcome } from '../crash/chat.ts'
import { openTestHouse, until } from './harness.ts'

const options = { model: 'sim', engine: { slots: 64, decodeRate: 100, batchCost: 0 } } as const

function newcomer(name: string, { url }: SimServer): Upstream {
  return new Upstream(name, upstreamSchema.parse({ url: `${url}/v1` }), null, systemClock)
}

function ask(house: House, count: number, tokens: number): Promise<Outcome[]> {
  const url = house.urls[0] ?? ''
  return Promise.all(
    Array.from({ length: count }, (_, i) => chat(url, 'sim', `answer ${i} tokens:${tokens}`, i % 5 !== 0)),
  )
}

const notWhole = (outcomes: readonly Outcome[]): Outcome[] => outcomes.filter(({ verdict }) => verdict !== 'whole')

test('answers move from a server that is drained, and new ones go to those that stay', async () => {
  await using first = await openSimServer(options)
  await using second = await openSimServer(options)
  await using stage = await openTestHouse({ upstreams: { first: { url: `${first.url}/v1` } } })
  const { house, lines } = stage
  const asked = ask(house, 40, 600)
  await until('answers to be under way', () => house.fleet.find('first')?.load.calls === 40)
  house.fleet.join(newcomer('second', second), { pool: 'all' })
  await until('the newcomer to be known', () => house.fleet.find('second')?.isKnown === true)
  house.fleet.drain('first', 0)
  await until('the old one to be empty', () => house.fleet.find('first')?.load.calls === 0)
  const later = ask(house, 5, 20)
  assert.ok(house.fleet.leave('first'))
  await first.close()
  assert.deepEqual(notWhole([...(await asked), ...(await later)]), [])
  await until('the books to be closed', () => house.callsLive() === 0)
  const moved = lines.filter(({ attempts }) => attempts?.some(({ code }) => code === 'HF_UPSTREAM_DRAINED'))
  assert.ok(moved.length > 0, 'some were moved, and did not end by themselves')
  assert.equal(house.fleet.find('second')?.lastFault, null)
  assert.deepEqual(house.troubles(), [])
})

test('where nobody else can go on, an answer stays to its end', async () => {
  await using first = await openSimServer(options)
  await using stage = await openTestHouse({ upstreams: { first: { url: `${first.url}/v1` } } })
  const { house } = stage
  const asked = ask(house, 10, 100)
  await until('answers to be under way', () => house.fleet.find('first')?.load.calls === 10)
  house.fleet.drain('first', 0)
  assert.deepEqual(notWhole(await asked), [])
})

test('one that leaves with answers in hand: they go on with others; a call waits for the next that joins', async () => {
  await using first = await openSimServer(options)
  await using second = await openSimServer(options)
  await using stage = await openTestHouse({
    upstreams: { first: { url: `${first.url}/v1` } },
    pools: { all: { upstreams: ['first'] } },
    models: { sim: { pool: 'all' } },
  })
  const { house } = stage
  const asked = ask(house, 20, 200)
  await until('answers to be under way', () => house.fleet.find('first')?.load.calls === 20)
  house.fleet.leave('first')
  house.fleet.join(newcomer('second', second), { pool: 'all' })
  assert.deepEqual(notWhole(await asked), [])
  await until('the books to be closed', () => house.callsLive() === 0)
  const codes = new Set(stage.lines.flatMap(({ attempts }) => attempts?.flatMap(({ code }) => code ?? []) ?? []))
  assert.ok(codes.has('HF_UPSTREAM_CUT') && !codes.has('HF_UPSTREAM_DRAINED'), 'it was not drained before: it died')
})
