// Tests of the Ray ID: unique, in order, and readable again.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ManualClock } from '../ground/manual-clock.ts'
import { seededRandom } from '../ground/random.ts'
import { parseRay, RaySource } from './ray.ts'

const site = fc.stringMatching(/^[a-z0-9]{1,12}$/)
const timeMs = fc.integer({ min: 1, max: 2 ** 48 })

test('a ray says when, on which node and where it was given', () => {
  fc.assert(
    fc.property(timeMs, fc.nat(2 ** 20 - 1), site, fc.nat(), (atMs, node, at, seed) => {
      const ray = new RaySource(new ManualClock(atMs), seededRandom(seed), { node, site: at }).next()
      assert.deepEqual(parseRay(ray), { timeMs: atMs, node, site: at })
    }),
  )
})

test('rays of one node are strictly increasing as text, whatever the wall clock does', () => {
  const steps = fc.array(fc.integer({ min: -5000, max: 5000 }), { minLength: 1, maxLength: 200 })
  fc.assert(
    fc.property(steps, fc.nat(), (jumps, seed) => {
      const clock = new ManualClock()
      const rays = new RaySource(clock, seededRandom(seed), { node: 3, site: 'ams' })
      let last: string = rays.next()
      for (const jump of jumps) {
        clock.jumpMs(jump)
        const ray = rays.next()
        assert.ok(ray > last, `${ray} came after ${last}`)
        last = ray
      }
    }),
  )
})

test('5000 rays within one millisecond stay in order and differ', () => {
  const clock = new ManualClock()
  const rays = new RaySource(clock, seededRandom(1), { node: 3, site: 'ams' })
  const given = Array.from({ length: 5000 }, () => rays.next())
  assert.equal(new Set(given).size, given.length)
  assert.deepEqual(given.toSorted(), given)
  // What was borrowed from the next milliseconds is little, and paid back as time goes on.
  assert.equal((parseRay(given.at(-1) ?? '')?.timeMs ?? 0) - clock.nowMs(), 4)
  clock.advance(10)
  assert.equal(parseRay(rays.next())?.timeMs, clock.nowMs())
})

test('nodes that give at the same moment give different rays', () => {
  const one = new RaySource(new ManualClock(), seededRandom(1), { node: 1, site: 'ams' }).next()
  const other = new RaySource(new ManualClock(), seededRandom(1), { node: 2, site: 'ams' }).next()
  assert.notEqual(one, other)
})

test('what is no ray is told apart', () => {
  const ray = new RaySource(new ManualClock(), seededRandom(1), { node: 1, site: 'ams' }).next()
  assert.notEqual(parseRay(ray), null)
  const others = [
    '',
    ray.slice(1),
    `${ray}!`,
    ray.toUpperCase(),
    ray.replace('-', '_'),
    `${ray.slice(0, 22)}-`,
    ` ${ray}`,
    `${ray}\n`,
  ]
  for (const text of [...others, ray.replace(/^./, 'i'), ray.replace(/^./, 'u'), `${ray.slice(0, 22)}-thirteenchars`]) {
    assert.equal(parseRay(text), null, JSON.stringify(text))
  }
})

test('any text is either a ray or none, and never an exception', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 64 }), (text) => void parseRay(text)))
})
