/** Three model servers, one killed every two seconds, 500 calls at 30 at a time. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chat, type Outcome } from './chat.ts'
import { startGateway } from './gateway.ts'
import { Replicas } from './replicas.ts'

const callCount = 500
const atOnce = 30
const killPeriodMs = 2000
/** An answer takes about a second, so that each kill hits answers on their way. */
const tokens = 60
const rate = 60

test('no naked error while a model server is killed every two seconds', async (t) => {
  await using replicas = await Replicas.start({ count: 3, flags: { rate, slots: 32 }, killPeriodMs })
  await using gateway = await startGateway(...replicas.urls.flatMap((url) => ['--upstream', url]))
  replicas.beginKilling()
  const outcomes: { outcome: Outcome; isStream: boolean }[] = []
  let next = 0
  const client = async (): Promise<void> => {
    while (next < callCount) {
      const number = next++
      const isStream = number % 2 === 0
      outcomes.push({
        isStream,
        outcome: await chat(gateway.url, 'lab-model', `call ${number} tokens:${tokens}`, isStream),
      })
    }
  }
  await Promise.all(Array.from({ length: atOnce }, client))

  const count = (verdict: Outcome['verdict'], isStream: boolean): number =>
    outcomes.filter((each) => each.outcome.verdict === verdict && each.isStream === isStream).length
  for (const isStream of [false, true]) {
    const words = (['whole', 'broken off', 'refused', 'naked'] as const).map(
      (verdict) => `${count(verdict, isStream)} ${verdict}`,
    )
    t.diagnostic(`${isStream ? 'streamed    ' : 'not streamed'}: ${words.join(', ')}`)
  }
  const rescued = gateway.lines.filter(
    (line) => line['msg'] === 'call' && (line['attempts'] as unknown[]).length > 1,
  ).length
  t.diagnostic(`${replicas.killCount} kills, ${rescued} calls rescued by another attempt`)

  const naked = outcomes.filter(({ outcome }) => outcome.verdict === 'naked').map(({ outcome }) => outcome)
  assert.deepEqual(naked, [], 'no naked error')
  assert.equal(count('whole', false), callCount / 2, 'every call that is not streamed completes')
  const early = outcomes.filter(({ outcome }) => outcome.verdict !== 'whole' && outcome.tokens === 0)
  assert.deepEqual(early, [], 'every stream that had not sent its first token completes')
  assert.ok(replicas.killCount >= 3, 'servers were killed while calls were under way')
  assert.ok(rescued > 0, 'some calls needed another attempt, or the test shows nothing')
  assert.equal(outcomes.length, callCount)
})
