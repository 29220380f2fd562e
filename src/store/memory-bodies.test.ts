// Bodies in memory: never more than the limit, and those that are used stay.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { MemoryBodies } from './memory-bodies.ts'

test('those that are used stay, the others go in their order', () => {
  const bodies = new MemoryBodies(100)
  for (let id = 1; id <= 50; id++) {
    bodies.put(id, Buffer.alloc(10))
    bodies.get(1)
  }
  assert.ok(bodies.get(1) && bodies.get(50) && !bodies.get(2) && !bodies.get(30))
  bodies.put(99, Buffer.alloc(26))
  assert.equal(bodies.get(99), null)
})

test('pinned ones stay beyond the limit, until they are let go', () => {
  const bodies = new MemoryBodies(100)
  bodies.put(1, Buffer.alloc(90), true)
  for (let id = 2; id < 9; id++) bodies.put(id, Buffer.alloc(20), id % 2 === 0)
  assert.ok(bodies.get(1) && bodies.get(8))
  for (let id = 1; id < 9; id++) bodies.unpin(id)
  assert.equal(bodies.get(1), null)
  let held = 0
  for (let id = 2; id < 9; id++) held += bodies.get(id)?.length ?? 0
  assert.ok(held <= 100 && held > 0)
})

test('whatever is done, what is not pinned fits', () => {
  const step = fc.tuple(fc.constantFrom('put', 'pin', 'unpin', 'drop', 'get'), fc.nat(20), fc.nat(40))
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const bodies = new MemoryBodies(100)
      const pinned = new Set<number>()
      for (const [what, id, bytes] of steps) {
        if (what === 'get') bodies.get(id)
        if (what === 'put' || what === 'pin') bodies.put(id, Buffer.alloc(bytes), what === 'pin')
        if (what === 'unpin') bodies.unpin(id)
        if (what === 'drop') bodies.drop(id)
        if (what === 'pin') pinned.add(id)
        else if (what !== 'get') pinned.delete(id)
      }
      let [loose, all] = [0, 0]
      for (let id = 0; id <= 20; id++) {
        const length = bodies.get(id)?.length ?? 0
        all += length
        if (!pinned.has(id)) loose += length
      }
      assert.ok(all <= 100 || loose === 0, `${loose} of ${all}`)
    }),
  )
})
