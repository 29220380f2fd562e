/** The QUBO of a placement says what the placement costs, and its lowest energy is the optimum. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { enumerateOptimum } from '../../../bench/place/enumerate.ts'
import { makeInstance } from '../../../bench/place/instances.ts'
import { seededRandom } from '../../ground/random.ts'
import { capacityRule } from './capacity-rule.ts'
import { costOf, wrongsOf } from './cost.ts'
import { placeGreedily } from './greedy.ts'
import { placementQubo } from './placement-qubo.ts'
import { makeProblem, type Placement, type Problem } from './problem.ts'
import { bqmJson, qbsolvText } from './qubo-file.ts'
import { bitWeights, Qubo } from './qubo.ts'
import { energiesOf } from './state-vector.ts'

const isBit = (state: number) => (variable: number) => ((state >> variable) & 1) === 1

/** Some valid placement, not a good one; null where chance finds none. */
function anyPlacement(problem: Problem, seed: number): Placement | null {
  const random = seededRandom(seed)
  for (let i = 0; i < 200; i++) {
    const placement = Int32Array.from(problem.replicas, () => Math.floor(random.unit() * problem.hosts.length))
    if (wrongsOf(problem, placement).length === 0) return placement
  }
  return placeGreedily(problem, random)
}

test('the energy of a valid plan is its cost, and reading it gives a plan of that cost', () => {
  const sizes = fc.record({ replicas: fc.integer({ min: 1, max: 12 }), hosts: fc.integer({ min: 1, max: 6 }) })
  fc.assert(
    fc.property(sizes, fc.nat(10_000), (size, seed) => {
      const problem = makeInstance({ ...size, fill: 0.7 }, seed)
      const placement = anyPlacement(problem, seed)
      if (placement === null) return
      const cost = costOf(problem, placement)
      const { qubo, read, write } = placementQubo(problem, cost)
      const set = write(placement)
      assert.ok(Math.abs(qubo.energyOf((variable) => set[variable] === true) - cost.total) < 1e-6)
      const again = read((variable) => set[variable] === true)
      assert.ok(again !== null && Math.abs(costOf(problem, again).total - cost.total) < 1e-9)
    }),
    { numRuns: 40 },
  )
})

test('the lowest energy of all states is the optimum, and its state means a valid plan', () => {
  const small = [1, 2, 3, 4, 5, 6, 7, 8].map((seed) =>
    makeInstance({ replicas: 2 + (seed % 3), hosts: 2, fill: 0.8 }, seed),
  )
  let looked = 0
  for (const problem of [...small, twins()]) {
    const start = placeGreedily(problem, seededRandom(1))
    if (start === null) continue
    const { qubo, read } = placementQubo(problem, costOf(problem, start))
    if (qubo.size > 16) continue
    const energies = energiesOf(qubo)
    const lowest = energies.reduce((best, energy, state) => (energy < (energies[best] ?? 0) ? state : best), 0)
    const placement = read(isBit(lowest))
    assert.ok(placement !== null)
    assert.ok(Math.abs((energies[lowest] ?? 0) - enumerateOptimum(problem)) < 1e-6)
    assert.ok(Math.abs(costOf(problem, placement).total - (energies[lowest] ?? 0)) < 1e-6)
    looked++
  }
  assert.ok(looked >= 5, `${looked} were small enough`)
})

/** Alike replicas that like to be together: counted in bits, and worth a lot of pairs. */
function twins(): Problem {
  const one = { model: 'm', memoryBytes: 4, gpus: 0, affinities: ['near'], presentHost: null, moveCost: 0 }
  const host = (name: string): Problem['hosts'][number] => ({ name, memoryBytes: 12, gpus: 0, domain: 'd', price: 1 })
  return makeProblem({
    hosts: [host('a'), host('b')],
    replicas: ['1', '2', '3', '4', '5'].map((name) => ({ name, ...one })),
    affinities: [{ name: 'near', kind: 'together', within: 'host', cost: 2 }],
    spreadCost: 0.1,
  })
}

test('replicas that nobody could tell apart are counted in bits', () => {
  const problem = twins()
  const { qubo } = placementQubo(problem, costOf(problem, Int32Array.of(0, 0, 0, 1, 1)))
  // Up to 3 on each of two hosts, 2 bits each, and whether a host is in use: no bit is needed for what is left over.
  assert.deepEqual(qubo.labels, ['1@a*1', '1@a*2', '1@b*1', '1@b*2', 'a*', 'b*'])
})

test('each variable has a label of its own', () => {
  for (const seed of [1, 2, 3, 4]) {
    const problem = makeInstance({ replicas: 9, hosts: 3, fill: 0.8 }, seed)
    const { qubo } = placementQubo(problem, costOf(problem, new Int32Array(9)))
    assert.equal(new Set(qubo.labels).size, qubo.size)
  }
})

test('a capacity put smaller allows and forbids the same sets', () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 7 })
  fc.assert(
    fc.property(sizes, fc.integer({ min: 60, max: 200 }), (sizes, room) => {
      const rule = capacityRule(sizes, room)
      for (let set = 0; set < 2 ** sizes.length; set++) {
        const has = isBit(set)
        const sum = (list: readonly number[]): number => list.reduce((a, size, i) => a + (has(i) ? size : 0), 0)
        const isAllowed =
          rule.kind === 'always' ||
          (rule.kind === 'pairs' ? !rule.pairs.some(([i, j]) => has(i) && has(j)) : sum(rule.sizes) <= rule.room)
        assert.equal(isAllowed, sum(sizes) <= room)
      }
      if (rule.kind === 'sum') assert.ok(rule.room <= room)
    }),
  )
})

test('bits make every whole number up to the most, and none above', () => {
  for (const most of [0, 1, 2, 5, 7, 8, 100]) {
    const sums = bitWeights(most).reduce((all, weight) => [...all, ...all.map((sum) => sum + weight)], [0])
    assert.deepEqual(
      [...new Set(sums)].toSorted((a, b) => a - b),
      Array.from({ length: most + 1 }, (_, i) => i),
    )
  }
})

test('energies of all states are those of the formula', () => {
  const qubo = new Qubo()
  for (const name of ['a', 'b', 'c']) qubo.addVariable(name)
  qubo.addSquare(
    [
      [0, 1],
      [1, 2],
      [2, 3],
    ],
    -4,
    0.5,
  )
  qubo.addLinear(1, 0.25)
  const energies = energiesOf(qubo)
  energies.forEach((energy, state) => {
    const [a, b, c] = [state & 1, (state >> 1) & 1, (state >> 2) & 1] as [number, number, number]
    const expected = 0.5 * (a + 2 * b + 3 * c - 4) ** 2 + 0.25 * b
    assert.ok(Math.abs(energy - expected) < 1e-12)
    assert.ok(Math.abs(qubo.energyOf(isBit(state)) - expected) < 1e-12)
  })
})

test('the exported files say the same energies', () => {
  const problem = twins()
  const { qubo } = placementQubo(problem, costOf(problem, Int32Array.of(0, 0, 0, 1, 1)))
  const bqm = JSON.parse(bqmJson(qubo, {}))
  const lines = qbsolvText(qubo, ['a comment']).trimEnd().split('\n')
  const [, , , , counts] = lines.find((line) => line.startsWith('p qubo'))?.split(' ') ?? []
  assert.equal(Number(counts), qubo.size)
  const offset = Number(lines.find((line) => line.startsWith('c offset'))?.split(' ')[2])
  const terms = lines
    .filter((line) => /^\d/.test(line))
    .map((line) => line.split(' ').map(Number) as [number, number, number])
  energiesOf(qubo).forEach((energy, state) => {
    const has = isBit(state)
    let json: number = bqm.offset
    bqm.linear_biases.forEach((bias: number, i: number) => (json += has(i) ? bias : 0))
    bqm.quadratic_biases.forEach((bias: number, k: number) => {
      if (has(bqm.quadratic_head[k]) && has(bqm.quadratic_tail[k])) json += bias
    })
    const text = terms.reduce((sum, [a, b, factor]) => sum + (has(a) && has(b) ? factor : 0), offset)
    assert.ok(Math.abs(json - energy) < 1e-6 && Math.abs(text - energy) < 1e-6)
  })
})
