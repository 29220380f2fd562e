// Tests of chance: reproducible where it is seeded, in range everywhere.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Random, seededRandom, systemRandom } from './random.ts'

const draw = (random: Random, count: number): number[] => Array.from({ length: count }, () => random.bits(32))

test('the same seed gives the same numbers, another seed gives others', () => {
  fc.assert(
    fc.property(fc.nat(2 ** 31 - 1), fc.nat(2 ** 31 - 1), (one, other) => {
      assert.deepEqual(draw(seededRandom(one), 20), draw(seededRandom(one), 20))
      if (one !== other) assert.notDeepEqual(draw(seededRandom(one), 20), draw(seededRandom(other), 20))
    }),
  )
})

for (const [name, random] of [
  ['the system’s', systemRandom],
  ['a seeded', seededRandom(7)],
] as const) {
  test(`${name} generator stays in range for every width`, () => {
    for (let bits = 1; bits <= 32; bits++) {
      for (let i = 0; i < 100; i++) {
        const value = random.bits(bits)
        assert.ok(Number.isInteger(value) && value >= 0 && value < 2 ** bits, `bits(${bits}) gave ${value}`)
        const unit = random.unit()
        assert.ok(unit >= 0 && unit < 1, `unit() gave ${unit}`)
      }
    }
  })

  test(`${name} generator uses its whole range`, () => {
    // 4000 draws into 16 boxes of 250 on average: 100 is ten standard deviations away.
    const boxes = new Array<number>(16).fill(0)
    for (let i = 0; i < 4000; i++) boxes[Math.floor(random.unit() * 16)]!++
    assert.ok(Math.min(...boxes) > 100, boxes.join(' '))
    let high = 0
    for (let i = 0; i < 4000; i++) high += random.bits(1)
    assert.ok(high > 1700 && high < 2300, `${high} of 4000 bits were set`)
  })
}
