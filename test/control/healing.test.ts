// A replica that stands still under load is replaced, and nobody's answer suffers.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chat } from '../crash/chat.ts'
import { holdfast } from '../crash/gateway.ts'
import { openStage, simCommand } from './stage.ts'

test('one that hangs under load is replaced: another first; every answer is whole', { timeout: 180_000 }, async () => {
  const two = { releases: { v1: { command: simCommand() } }, replicas: { min: 2, max: 2 } }
  const drain = { moveAfterMs: 0, graceMs: 500 }
  await using stage = await openStage({ ...two, drain }, { heal: { hangMs: 2000 } })
  await stage.serving('chat-v1-1', 'chat-v1-2')
  let isOver = false
  const lane = async (i: number): Promise<string[]> => {
    const verdicts: string[] = []
    for (let n = 0; !isOver; n++)
      verdicts.push((await chat(stage.gateway.url, 'lab-model', `${i}/${n} tokens:60`, i % 4 !== 0)).verdict)
    return verdicts
  }
  const lanes = Promise.all(Array.from({ length: 8 }, (_, i) => lane(i)))
  await stage.until('both have calls', (rows) => rows.every(({ calls }) => calls > 0))
  process.kill(await stage.serverPid('chat-v1-1'), 'SIGSTOP')
  await stage.serving('chat-v1-2', 'chat-v1-3')
  isOver = true
  const verdicts = (await lanes).flat()
  assert.deepEqual(
    verdicts.filter((verdict) => verdict !== 'whole'),
    [],
  )
  const { output } = await holdfast('fleet', '--remedies', '--state', stage.state)
  assert.match(output, /chat-v1-1: hang; replace planned: .*nothing got on for \d+ s/)
  const metrics = await (await fetch(`${stage.gateway.adminUrl}/metrics`)).text()
  assert.match(
    metrics,
    /holdfast_remedies_total\{deployment="chat",ailment="hang",remedy="replace",state="planned"\} 1/,
  )
  assert.equal(await stage.gateway.end('SIGTERM'), 0)
  assert.deepEqual(await stage.leaders(), [])
})
