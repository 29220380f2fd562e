// A gateway that runs its own model servers: they, the control process and the supervisor are killed under load.
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import { chat, type Outcome } from '../crash/chat.ts'
import { holdfast } from '../crash/gateway.ts'
import { openStage, simCommand, type Stage } from './stage.ts'

const options = { timeout: 180_000 }
const two = { releases: { v1: { command: simCommand() } }, replicas: { min: 2, max: 2 } }

function ask(stage: Stage, count: number, tokens: number): Promise<Outcome[]> {
  const { url } = stage.gateway
  return Promise.all(
    Array.from({ length: count }, (_, i) => chat(url, 'lab-model', `${i} of ${count} tokens:${tokens}`, i % 4 !== 0)),
  )
}

const notWhole = (outcomes: readonly Outcome[]): Outcome[] => outcomes.filter(({ verdict }) => verdict !== 'whole')

const underWay = (stage: Stage, count: number): Promise<unknown> =>
  stage.until('calls are under way', (rows) => rows.reduce((sum, { calls }) => sum + calls, 0) >= count)

test('replicas under load: one is killed, then the control process, then the supervisor', options, async () => {
  await using stage = await openStage(two)
  await stage.serving('chat-v1-1', 'chat-v1-2')
  const victim = await stage.serverPid('chat-v1-1')

  const first = ask(stage, 24, 240)
  await underWay(stage, 20)
  process.kill(victim, 'SIGKILL')
  assert.deepEqual(notWhole(await first), [], 'answers go on at the other one')
  await stage.until('its death is seen', (rows) => rows.some(({ deaths }) => deaths === 1))
  const rows = await stage.serving('chat-v1-1', 'chat-v1-2')
  assert.notEqual(await stage.serverPid('chat-v1-1'), victim, 'it is replaced')
  const servers = await Promise.all(rows.map(({ name }) => stage.serverPid(name)))

  const second = ask(stage, 12, 120)
  await underWay(stage, 8)
  process.kill(stage.controlPid(), 'SIGKILL')
  assert.deepEqual(notWhole(await second), [], 'nobody waits for the control process')
  await stage.until('another one is there', () =>
    stage.gateway.lines.some(({ msg }) => String(msg).includes('control process died')),
  )
  await stage.serving('chat-v1-1', 'chat-v1-2')
  assert.deepEqual(await Promise.all(rows.map(({ name }) => stage.serverPid(name))), servers, 'adopted, not doubled')
  assert.equal((await stage.leaders()).length, 2)

  await stage.gateway.end('SIGKILL')
  await stage.start()
  await stage.serving('chat-v1-1', 'chat-v1-2')
  assert.deepEqual(await Promise.all(rows.map(({ name }) => stage.serverPid(name))), servers, 'adopted once more')
  assert.deepEqual(notWhole(await ask(stage, 4, 20)), [])

  const told = await holdfast('fleet', '--state', stage.state)
  assert.match(told.output, /chat-v1-2 +serving +v1 +http:\/\/127\.0\.0\.1:\d+ /)
  assert.equal(told.code, 0)
  process.kill(stage.controlPid(), 'SIGKILL')
  assert.equal(await stage.gateway.end('SIGTERM'), 0)
  assert.deepEqual(await stage.leaders(), [], 'a gateway that is told to stop ends them, by another control process')
})

test(
  'another release takes over under load without a cut; then the deployment goes on over a stop',
  options,
  async () => {
    await using stage = await openStage({ ...two, drain: { moveAfterMs: 0 } })
    await stage.serving('chat-v1-1', 'chat-v1-2')
    const asked = ask(stage, 24, 400)
    await underWay(stage, 20)
    const releases = { ...two.releases, v2: { command: simCommand('--context', '65536') } }
    await stage.write({ ...two, releases, release: 'v2', drain: { moveAfterMs: 0 }, onStop: 'keep' })
    const { code, output } = await holdfast('reload', '--state', stage.state)
    assert.equal(code, 0, output)
    await stage.serving('chat-v2-1', 'chat-v2-2')
    assert.deepEqual(notWhole(await asked), [])
    assert.equal((await stage.leaders()).length, 2, 'the old ones are gone')
    const servers = await Promise.all(['chat-v2-1', 'chat-v2-2'].map((name) => stage.serverPid(name)))
    assert.equal(await stage.gateway.end('SIGTERM'), 0)
    assert.equal((await stage.leaders()).length, 2, 'kept')
    await stage.start()
    await stage.serving('chat-v2-1', 'chat-v2-2')
    assert.deepEqual(await Promise.all(['chat-v2-1', 'chat-v2-2'].map((name) => stage.serverPid(name))), servers)
  },
)

test(
  'one that is never ready, and one that ends at once, are told of and tried again ever more rarely',
  options,
  async () => {
    const releases = {
      mute: { command: ['/bin/sh', '-c', 'echo loading the weights; sleep 1000'] },
      dying: { command: ['/bin/sh', '-c', 'echo no such weights >&2; exit 3'] },
    }
    await using stage = await openStage({ releases, ready: { withinMs: 1000 } })
    const [mute] = await stage.until('it was given up', (rows) => rows.some(({ deaths }) => deaths > 1))
    assert.match(mute?.lastWords ?? '', /not ready within 1000 ms\nloading the weights/)
    await stage.write({ releases, release: 'dying', replicas: { holdMs: 500 } })
    const reloaded = await holdfast('reload', '--state', stage.state)
    assert.equal(reloaded.code, 0, reloaded.output)
    const rows = await stage.until('it rests', (all) =>
      all.some(({ state, deaths, release }) => release === 'dying' && state === 'resting' && deaths > 1),
    )
    const dying = rows.find(({ release }) => release === 'dying')
    assert.match(dying?.lastWords ?? '', /no such weights/)
    const told = await holdfast('fleet', '--state', stage.state)
    assert.match(told.output, /chat-dying-1 +resting, again in .* no such weights/)
    assert.equal(told.code, 1)
    const metrics = await (await fetch(`${stage.gateway.adminUrl}/metrics`)).text()
    assert.match(metrics, /holdfast_replica_deaths_total\{deployment="chat"\} [1-9]/)
    assert.equal((await chat(stage.gateway.url, 'any', 'hi', true)).code, 'HF_STARTING')
    assert.ok(readdirSync(stage.state).includes('replicas'))
  },
)
