// Tests of the hold: calls go on when somebody is there, the highest tier first; bounded in number and time.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Fault } from '../../fault/fault.ts'
import { ManualClock } from '../../ground/manual-clock.ts'
import { seededRandom } from '../../ground/random.ts'
import { type HeldCall, Hold } from './hold.ts'
import type { Tier } from './tier.ts'

class Call implements HeldCall {
  isHeld = true
  fault: Fault | null = null
  readonly tier: Tier
  #went: Call[]

  constructor(went: Call[], tier: Tier = 'standard') {
    this.tier = tier
    this.#went = went
  }

  goOn(): void {
    this.#went.push(this)
  }

  refuse(fault: Fault): void {
    this.fault = fault
  }
}

function open(callsMax = 10): { clock: ManualClock; hold: Hold; went: Call[] } {
  const clock = new ManualClock()
  return { clock, hold: new Hold(clock, seededRandom(1), { holdMs: 5000, callsMax }), went: [] }
}

test('those for whom somebody is there go on at once, the highest tier first; the others stay', () => {
  const { hold, went } = open()
  const calls = (['batch', 'standard', 'premium', 'standard'] as const).map((tier) => new Call(went, tier))
  for (const call of calls) assert.equal(hold.add(call), null)
  hold.serve()
  assert.deepEqual(went, [])
  for (const call of calls.slice(0, 3)) call.isHeld = false
  hold.serve()
  assert.deepEqual(
    went.map(({ tier }) => tier),
    ['premium', 'standard', 'batch'],
  )
  assert.equal(hold.count, 1)
})

test('it looks by itself, and whose time is over is told when to come back', () => {
  const { clock, hold, went } = open()
  const [late, lucky] = [new Call(went), new Call(went)]
  hold.add(late)
  clock.advance(3000)
  hold.add(lucky)
  clock.advance(2100)
  assert.equal(late.fault?.code, 'HF_STARTING')
  assert.ok((late.fault?.retryAfterMs ?? 0) >= 1000)
  assert.equal(lucky.fault, null)
  lucky.isHeld = false
  clock.advance(200)
  assert.deepEqual(went, [lucky])
  assert.equal(hold.count, 0)
})

test('no more are held than may be, and who leaves makes room', () => {
  const { hold, went } = open(2)
  const [first, second, third] = [new Call(went), new Call(went), new Call(went)] as const
  assert.deepEqual([hold.add(first), hold.add(second)], [null, null])
  assert.equal(hold.add(third)?.code, 'HF_STARTING')
  hold.leave(first)
  assert.equal(hold.add(third), null)
  hold.expire(second)
  assert.equal(second.fault?.code, 'HF_STARTING')
  first.isHeld = false
  hold.serve()
  assert.deepEqual([went, hold.count], [[], 1])
})
