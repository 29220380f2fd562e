/** `holdfast explain` for the person who has a ray: of a gateway alive or dead, over the operators' port, and of nothing. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { freePort, holdfast, startGateway } from '../crash/gateway.ts'
import { ask } from './ask.ts'
import { shareRight } from './matrix.ts'
import { runAll } from './run.ts'
import type { Diagnosis } from '../../src/diagnosis/diagnose.ts'

test('why a call failed: by ray, as the last one, as JSON, over HTTP, and when the gateway is dead', async () => {
  const port = await freePort()
  await using gateway = await startGateway('--upstream', `http://127.0.0.1:${port}/v1`, '--workers', '1')
  const heard = await ask({ url: gateway.url, model: 'm' })
  assert.ok(heard.ray)
  const ofState = ['--state', gateway.state]
  const told = await holdfast('explain', heard.ray, ...ofState)
  assert.equal(told.code, 0)
  assert.match(told.output.split('\n')[0] ?? '', /^\S.+\.$/)
  assert.match(told.output, new RegExp(`ray +${heard.ray}`))
  assert.match(told.output, /What to do\n/)
  assert.equal((await holdfast('explain', 'last', ...ofState)).output, told.output)
  const overHttp = (await (await fetch(`${gateway.adminUrl}/explain/${heard.ray}`)).json()) as Diagnosis
  await gateway.end('SIGKILL')
  const { code, output } = await holdfast('explain', heard.ray, '--json', ...ofState)
  const diagnosis = JSON.parse(output) as Diagnosis
  assert.deepEqual([code, diagnosis], [0, overHttp])
  assert.equal(diagnosis.code, heard.code)
  assert.ok(diagnosis.confidence > 0.5 && diagnosis.evidence.length > 0)
})

test('a ray that the record does not know, and no record at all', async () => {
  await using gateway = await startGateway('--lab', 'sim', '--workers', '1')
  const unknown = await holdfast('explain', 'zz\u001b[31m', '--state', gateway.state)
  assert.equal(unknown.code, 1)
  assert.match(unknown.output, /has nothing of this call.*mistyped.*record\.keepMs/s)
  assert.ok(!unknown.output.includes('\u001b'))
  const last = await holdfast('explain', 'last', '--state', gateway.state)
  assert.match(last.output, /No call has failed/)
  const nowhere = await holdfast('explain', 'last', '--state', `${gateway.state}/none`)
  assert.deepEqual([nowhere.code, /--state/.test(nowhere.output)], [1, true])
})

/** Incidents that need no waiting, all behind one gateway at the same time; `npm run explain:lab` plays all. */
const quick = new Set(['server-down', 'server-error', 'provider-rate-limit', 'bad-request', 'proxy-page'])

test('several incidents at once are told apart', async () => {
  const verdicts = await runAll({ runs: quick.size, seed: 11, atOnce: 1, only: ({ expects }) => quick.has(expects) })
  assert.ok(verdicts.length >= quick.size)
  assert.equal(shareRight(verdicts), 1, JSON.stringify(verdicts))
})

test('a model server of ours that is killed: by its exit', async () => {
  const only = ({ title }: { title: string }): boolean => title === 'a server of ours is killed'
  const verdicts = await runAll({ runs: 1, seed: 2, atOnce: 1, only })
  assert.deepEqual(
    verdicts.map(({ found, confidence }) => [found, confidence > 0.95]),
    [['server-crash', true]],
  )
})
