// A deployment that is scaled by its load, all processes real: from nothing to one at the first call, which waits for
// it and is answered whole, and back to nothing when nobody calls any more.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chat } from '../crash/chat.ts'
import { holdfast } from '../crash/gateway.ts'
import { openStage, simCommand } from './stage.ts'

test('zero, the first call, one, answered, idle, zero; an incident holds it', { timeout: 120_000 }, async () => {
  await using stage = await openStage({
    releases: { v1: { command: simCommand() } },
    replicas: { min: 0, max: 2 },
    autoscale: { perReplica: { callsInHand: 4 }, idleMs: 3000, stepMs: 1000 },
  })
  assert.deepEqual(await stage.rows(), [])
  const { verdict } = await chat(stage.gateway.url, 'lab-model', 'first tokens:60', true)
  assert.equal(verdict, 'whole')
  const { output } = await holdfast('forecast', 'chat', '--state', stage.state)
  assert.match(output, /^chat: [01] wished of 0 to 2 /m)
  await stage.until('nothing runs', (rows) => rows.length === 0)
  const answer = await fetch(`${stage.gateway.adminUrl}/record?kind=scale`)
  const { facts } = (await answer.json()) as { facts: { from: number; to: number; why: string }[] }
  assert.deepEqual(
    facts.map(({ from, to, why }) => [from, to, why]),
    [
      [1, 0, 'idle'],
      [0, 1, 'calls wait, and none runs'],
    ],
  )
  const told = await holdfast('incident', 'add', '--title', 'Slow', '--component', 'lab-model', '--state', stage.state)
  assert.equal(told.code, 0, told.output)
  const heldBy = async (): Promise<string | null> => (await stage.fleet().catch(() => null))?.scaling[0]?.heldBy ?? null
  await stage.until('it is held', async () => (await heldBy()) === 'an incident')
})
