// A gateway whose deployment is still starting, all processes real: calls wait for the first replica, and the control
// process hears what it has in hand.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chat } from '../crash/chat.ts'
import { openStage, simCommand } from './stage.ts'

test('calls that come before the first replica wait for it; what it has in hand is told', {
  timeout: 120_000,
}, async () => {
  const late = [
    '/bin/sh',
    '-c',
    `sleep 2; exec ${simCommand()
      .map((word) => `"${word}"`)
      .join(' ')}`,
  ]
  await using stage = await openStage({ releases: { v1: { command: late } }, replicas: { min: 1, max: 1 } })
  assert.ok((await stage.rows()).every(({ state }) => state !== 'serving'))
  const asked = Array.from({ length: 6 }, (_, i) =>
    chat(stage.gateway.url, 'lab-model', `${i} tokens:240`, i % 2 === 0),
  )
  await stage.until('they are in hand there', ([row]) => row?.calls === 6)
  assert.deepEqual(
    (await Promise.all(asked)).map(({ verdict }) => verdict),
    asked.map(() => 'whole'),
  )
  await stage.until('they are over', ([row]) => row?.calls === 0)
})
