// A deployment without replicas: calls are held until one joins, and told in time when none does.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openSimServer, type SimServer } from '../../lab/sim-server.ts'
import type { FleetReplica } from '../../src/fleet/replica-roll.ts'
import type { House } from '../../src/main.ts'
import { chat } from '../crash/chat.ts'
import { openTestHouse, until } from './harness.ts'

const options = { model: 'sim', engine: { slots: 64, decodeRate: 100, batchCost: 0 } } as const
const deployment = { releases: { v1: { command: ['true'] } } }
const sleeping = (more: { models?: string[]; holdMs?: number }): Parameters<typeof openTestHouse>[0] => {
  const { holdMs, ...others } = more
  return {
    upstreams: {},
    deployments: { chat: { ...deployment, ...others, replicas: { min: 0, max: 2, ...(holdMs && { holdMs }) } } },
  }
}
const replicaAt = ({ url }: SimServer, isDraining = false): FleetReplica => ({
  ...{ name: 'chat-v1-1', url: `${url}/v1`, pool: 'chat', weight: 1, priority: 0, models: null },
  ...{ isDraining, moveAfterMs: 0, cohort: null },
})
const waiting = (house: House): number => house.takeReplicas()?.demand['chat']?.waiting ?? 0

async function modelsOf(house: House): Promise<string[]> {
  const list = (await (await fetch(`${house.urls[0]}/v1/models`)).json()) as { data: { id: string }[] }
  return list.data.map(({ id }) => id)
}

test('calls at no replica wait for one, are counted, and are answered whole; its models stay when it goes', async () => {
  await using server = await openSimServer(options)
  await using stage = await openTestHouse(sleeping({}))
  const { house } = stage
  assert.ok(house.isReady(), 'it sleeps, and is well')
  const url = house.urls[0] ?? ''
  const asked = [true, false, true].map((isStream, i) => chat(url, 'sim', `call ${i} tokens:30`, isStream))
  await until('calls to be held', () => house.callsLive() === 3)
  const word = house.takeReplicas()
  assert.deepEqual([word?.demand['chat']?.requests, word?.demand['chat']?.waiting], [3, 3])
  house.useReplicas([replicaAt(server)])
  assert.deepEqual(
    (await Promise.all(asked)).map(({ verdict }) => verdict),
    ['whole', 'whole', 'whole'],
  )
  await until('the books to be closed', () => house.callsLive() === 0)
  const later = house.takeReplicas()
  assert.equal(later?.demand['chat']?.requests, 0, 'each was counted once')
  const told = later?.replicas['chat-v1-1']
  assert.deepEqual([told?.tally?.finished, told?.calls, typeof told?.progressedMs], [3, 0, 'number'])
  house.useReplicas([])
  assert.deepEqual(await modelsOf(house), ['sim'])
  const unknown = await fetch(`${url}/v1/chat/completions`, {
    ...{ method: 'POST', headers: { 'content-type': 'application/json' } },
    body: JSON.stringify({ model: 'another', messages: [{ role: 'user', content: 'hi' }] }),
  })
  assert.equal(unknown.status, 404, 'what no replica ever offered wakes none')
})

test('when the hold is over the caller is told that one is being started; one that leaves is held no more', async () => {
  await using stage = await openTestHouse(sleeping({ models: ['sim'], holdMs: 400 }))
  const { house, lines } = stage
  assert.deepEqual(await modelsOf(house), ['sim'])
  const url = `${house.urls[0]}/v1/chat/completions`
  const call = {
    ...{ method: 'POST', headers: { 'content-type': 'application/json' } },
    body: JSON.stringify({ model: 'sim', stream: true, messages: [{ role: 'user', content: 'hi' }] }),
  }
  const leaves = new AbortController()
  const left = fetch(url, { ...call, signal: leaves.signal }).catch(() => null)
  await until('it to be held', () => waiting(house) === 1)
  leaves.abort()
  await left
  await until('it to be let go', () => house.callsLive() === 0)
  assert.equal(waiting(house), 0)
  const answer = await fetch(url, call)
  const body = (await answer.json()) as { error: { message: string } }
  assert.equal(answer.status, 503)
  assert.ok(Number(answer.headers.get('retry-after')) >= 1)
  assert.match(body.error.message, /being started/)
  await until('both to be told', () => lines.filter(({ outcome }) => outcome !== undefined).length === 2)
  assert.deepEqual(
    lines.flatMap(({ code }) => (code ? [code] : [])),
    ['HF_CLIENT_GONE', 'HF_STARTING'],
  )
})

test('calls are held no more where the deployment is removed by a reload', async () => {
  await using stage = await openTestHouse(sleeping({ models: ['sim'] }))
  const { house } = stage
  const asked = [true, false].map((isStream) => chat(house.urls[0] ?? '', 'sim', 'tokens:30', isStream))
  await until('calls to be held', () => house.callsLive() === 2)
  house.useReplicas([], [])
  const outcomes = await Promise.all(asked)
  assert.deepEqual(
    outcomes.map(({ code, detail }) => [code, detail]),
    [0, 1].map(() => ['HF_NO_UPSTREAM', 'status 503']),
  )
})
