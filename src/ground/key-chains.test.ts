// Which owners have a key: as a plain list of pairs would say it, through any order of comings and goings.
import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { KeyChains } from './key-chains.ts'

const key = fc.constantFrom('a', 'b', 'ab', 'ba', '', 'ä', 'a'.repeat(200))
const owner = fc.integer({ min: 0, max: 200 })
const act = fc.oneof(
  fc.record({ does: fc.constant('add' as const), kind: fc.integer({ min: 0, max: 1 }), key, owner }),
  fc.record({ does: fc.constant('take' as const), kind: fc.constant(2), key, owner }),
  fc.record({ does: fc.constant('remove' as const), owner }),
)

test('finds the owners of a key newest first, whatever came and went', () => {
  fc.assert(
    fc.property(fc.array(act, { maxLength: 400 }), (acts) => {
      const chains = new KeyChains()
      let pairs: { kind: number; key: string; owner: number }[] = []
      for (const act of acts) {
        if (act.does === 'remove') {
          pairs = pairs.filter((pair) => pair.owner !== act.owner)
          chains.remove(act.owner)
          continue
        }
        const { kind, key, owner } = act
        if (act.does === 'take') pairs = pairs.filter((pair) => pair.kind !== kind || pair.key !== key)
        pairs.unshift({ kind, key, owner })
        chains[act.does](kind, key, owner)
      }
      for (const { kind, key } of pairs) {
        const owners = pairs.filter((pair) => pair.kind === kind && pair.key === key).map((pair) => pair.owner)
        deepEqual(
          chains.newest(kind, key, 1000, () => true),
          owners,
        )
        equal(chains.newest(kind, key, 1, () => true)[0], owners[0])
      }
      equal(chains.newest(0, 'none has it', 1, () => true).length, 0)
    }),
  )
})

test('a hundred thousand keys are each found, before and after half of them went', () => {
  const chains = new KeyChains()
  const count = 100_000
  for (let i = 0; i < count; i++) chains.add(0, `key ${i}`, i)
  for (let i = 0; i < count; i += 2) chains.remove(i)
  let wrong = 0
  for (let i = 0; i < count; i++) {
    const [found] = chains.newest(0, `key ${i}`, 1, (owner) => owner === i)
    if (found !== (i % 2 === 0 ? undefined : i)) wrong++
  }
  equal(wrong, 0)
})

test('the owner that does not have the key indeed is passed over', () => {
  const chains = new KeyChains()
  for (const owner of [1, 2, 3]) chains.add(0, 'same', owner)
  deepEqual(
    chains.newest(0, 'same', 2, (owner) => owner !== 3),
    [2, 1],
  )
})
