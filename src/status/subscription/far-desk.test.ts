// Questions to another process: answered, refused, or late.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../../ground/manual-clock.ts'
import { answerFar, type Counter, FarDesk, type FarQuestion, withoutPassword } from './far-desk.ts'
import { subscriptionSchema } from './subscription-options.ts'

const mail = { host: 'smtp.example.org', from: 'a@example.org', user: 'a', password: 'hush' }
const options = subscriptionSchema.parse({ mail })
const request = { channel: 'email', address: 'a@example.com', components: null, person: 'a@example.com' } as const

test('answers find their questions, in any order', async () => {
  const sent: FarQuestion[] = []
  const far = new FarDesk(withoutPassword(options), new ManualClock(), (question) => sent.push(question))
  const good: Counter = {
    options,
    ask: () => Promise.resolve({ kind: 'asked', secret: 's' }),
    confirm: (token) => Promise.resolve(token === 'good'),
    unsubscribe: () => Promise.reject(new Error('no disk')),
  }
  const answers = [far.ask(request), far.confirm('good'), far.confirm('bad')]
  const refused = far.unsubscribe('x')
  for (const question of sent.toReversed()) far.hear(await answerFar(good, question))
  await assert.rejects(refused)
  assert.deepEqual(await Promise.all(answers), [{ kind: 'asked', secret: 's' }, true, false])
  assert.ok(!JSON.stringify(far.options).includes('hush'))
})

test('a gateway that does not answer is waited for five seconds, and not by everybody', async () => {
  const clock = new ManualClock()
  const far = new FarDesk(options, clock, () => {})
  const waiting = Array.from({ length: 200 }, () => far.confirm('x').catch((error: unknown) => String(error)))
  await assert.rejects(far.confirm('x'), /too many/)
  clock.advance(5000)
  for (const said of await Promise.all(waiting)) assert.match(String(said), /in time/)
  far.hear({ number: 1, value: true })
  assert.equal(clock.timerCount, 0)
})
