// Releases are deployed on a real gateway with live streams: a good one takes over, through the death of the control
// process; one that crashes goes back. Nothing is cut.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import type { RolloutView } from '../../src/control/deploy/rollout-book.ts'
import { expectedAnswer } from '../../lab/answer.ts'
import { chat } from '../crash/chat.ts'
import { holdfast } from '../crash/gateway.ts'
import { Crowd } from './crowd.ts'
import { openStage, simCommand, type Stage } from './stage.ts'

const crash = JSON.stringify({ kind: 'crash-on-poison', probability: 0.3, match: { promptContains: 'tokens:60' } })
const releases = {
  v1: { command: simCommand() },
  v2: { command: simCommand('--context', '65536') },
  crashing: { command: simCommand('--fault', crash) },
}
const question = 'tokens:12 golden'
const steps = [{ share: 1 }]
const rollout = {
  lookMs: 500,
  gate: { prompts: [{ name: 'golden', prompt: question, checks: [{ is: 'exact', text: expectedAnswer(question) }] }] },
  steps: [{ share: 0.1, msMin: 1500, shown: false }, { share: 0.5, msMin: 1000, shown: false }, { share: 1 }],
  ...{ warmMs: 1000, drainMsMax: 5000 },
}

async function latest(stage: Stage): Promise<Pick<RolloutView, 'phase' | 'history' | 'reason'>> {
  await setTimeout(100)
  const answer = await fetch(`${stage.gateway.adminUrl}/deploy?deployment=chat`)
  // The control process was killed: nobody leads until the next one is there.
  if (answer.status === 503) return { phase: 'starting', history: [], reason: null }
  return ((await answer.json()) as { rollouts: RolloutView[] }).rollouts[0] as RolloutView
}

async function until(stage: Stage, phase: string): ReturnType<typeof latest> {
  let view = await latest(stage)
  for (const endMs = performance.now() + 60_000; view.phase !== phase; view = await latest(stage))
    assert.ok(performance.now() < endMs, `not ${phase}: ${JSON.stringify(view.history)}`)
  return view
}

test('a good release takes over and a crashing one goes back, and no stream is cut', { timeout: 180_000 }, async () => {
  const gate = { ...rollout.gate, times: 5 }
  const drain = { moveAfterMs: 500 }
  const replicas = { min: 2, max: 2 }
  await using stage = await openStage({ releases, replicas, drain, rollout: { ...rollout, gate } })
  await stage.serving('chat-v1-1', 'chat-v1-2')
  await using crowd = new Crowd(stage.gateway.url, { streams: 30, tokens: 60 })
  const deploy = (...words: string[]) => holdfast('deploy', ...words, '--state', stage.state)

  const unknown = await deploy('chat', '--release', 'v9')
  assert.match(unknown.output, /chat has no release named v9; in the configuration are: v1, v2, crashing/)
  const begun = await deploy('chat', '--release', 'v2')
  assert.equal(begun.code, 0, begun.output)
  await until(stage, 'shifting')
  process.kill(stage.controlPid(), 'SIGKILL')
  const done = await until(stage, 'done')
  assert.deepEqual(
    [...new Set(done.history.map(({ share }) => share))],
    [0, 0.1, 0.5, 1],
    'each step once, however often it was begun',
  )
  await stage.serving('chat-v2-1', 'chat-v2-2')

  assert.equal((await deploy('chat', '--release', 'crashing', '--strategy', 'canary')).code, 0)
  const back = await until(stage, 'rolled-back')
  assert.match(back.reason ?? '', /deaths: \d in|fails: \d+ of|wrong answers/)
  await stage.serving('chat-v2-1', 'chat-v2-2')
  const outcomes = await crowd.end()
  assert.deepEqual(
    outcomes.filter(({ verdict }) => verdict !== 'whole'),
    [],
  )
  assert.ok(outcomes.length > 30)
  const told = await deploy('history', 'chat')
  assert.match(told.output, /v2 → crashing \(canary\)[^]*rolled-back[^]*v1 → v2[^]*done/)
})

test('real calls of a caller that was named are asked of both releases', { timeout: 120_000 }, async () => {
  const gate = { times: 5, shadow: { callers: ['shop'] } }
  const keys = ['shop', 'bank'].map((name) => ({ name, key: `secret-of-the-${name}` }))
  const replicas = { min: 1, max: 1 }
  await using stage = await openStage({ releases, replicas, rollout: { ...rollout, gate, steps } }, {}, { keys })
  await stage.serving('chat-v1-1')
  // At most one a second of each worker is kept.
  for (let i = 0; i < 4; i++) {
    await chat(stage.gateway.url, 'lab-model', `bank ${i} tokens:4`, true, 'secret-of-the-bank')
    await chat(stage.gateway.url, 'lab-model', `shop ${i} tokens:4`, true, 'secret-of-the-shop')
    await setTimeout(300)
  }
  assert.equal((await holdfast('deploy', 'chat', '--release', 'v2', '--state', stage.state)).code, 0)
  const { history } = await until(stage, 'done')
  const words = history.map((entry) => entry.words).join('\n')
  assert.match(words, /^\d+ answers as good as before; [1-8] real calls were asked$/m)
  await stage.serving('chat-v2-1')
})
