// Tests of what is asked of the control process: answers, refusals in its words, and that it is away.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Fault } from '../fault/fault.ts'
import { ControlAsks } from './control-asks.ts'

test('an answer, a refusal, one that has not begun, and one that died', async () => {
  const asks = new ControlAsks()
  const ids: number[] = []
  const ask = (): Promise<object> => asks.ask((id) => ids.push(id) > 0)
  const [answered, refused, early, lost] = [ask(), ask(), ask(), ask()]
  const [first = 0, second = 0, third = 0] = ids
  asks.hear({ event: 'answer', id: first, body: { ok: true } })
  asks.hear({ event: 'answer', id: second, error: { name: 'RolloutError', message: 'no release named v9' } })
  asks.hear({ event: 'answer', id: third, away: 'it has just been started' })
  asks.lose()
  assert.deepEqual(await answered, { ok: true })
  await assert.rejects(refused, { name: 'RolloutError', message: 'no release named v9' })
  const isAway = ({ status, detail }: Fault): boolean =>
    status === 503 && /control process does not answer/.test(detail)
  await assert.rejects(early, isAway)
  await assert.rejects(lost, isAway)
  await assert.rejects(
    asks.ask(() => false),
    isAway,
  )
})
