/** QAOA: the simulator keeps the laws, its angles get better, and the exported circuit does what the simulator does. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ManualClock } from '../../ground/manual-clock.ts'
import { seededRandom } from '../../ground/random.ts'
import { nelderMead } from './nelder-mead.ts'
import { type Angles, rampAngles, runQaoa } from './qaoa.ts'
import { qaoaCircuit } from './qasm.ts'
import { Qubo } from './qubo.ts'
import { energiesOf, StateVector } from './state-vector.ts'

const clock = new ManualClock()

function randomQubo(size: number, seed: number): Qubo {
  const random = seededRandom(seed)
  const qubo = new Qubo()
  for (let i = 0; i < size; i++) qubo.addLinear(qubo.addVariable(`x${i}`), random.unit() * 4 - 2)
  for (let a = 0; a < size; a++)
    for (let b = a + 1; b < size; b++) if (random.unit() < 0.6) qubo.addPair(a, b, random.unit() * 4 - 2)
  qubo.offset = 1
  return qubo
}

/** Chances of all states after the gates of a circuit, each gate by its matrix: knows nothing of QUBO and QAOA. */
function runCircuit(text: string): Float64Array {
  const lines = text.split('\n').map((line) => line.replace(/\/\/.*$/, '').trim())
  const code = lines.filter((line) => line !== '')
  assert.equal(code[0], 'OPENQASM 3.0;')
  assert.equal(code[1], 'include "stdgates.inc";')
  const count = Number(/^qubit\[(\d+)\] q;$/.exec(code[2] ?? '')?.[1])
  assert.equal(code[3], `bit[${count}] c;`)
  assert.equal(code.at(-1), 'c = measure q;')
  let state = new Array<[number, number]>(2 ** count).fill([0, 0])
  state[0] = [1, 0]
  for (const line of code.slice(4, -1)) {
    const [, gate, angle, first, , second] =
      /^(h|rz|rx|cx)(?:\((-?\d+\.\d+)\))? q\[(\d+)\](, q\[(\d+)\])?;$/.exec(line) ?? assert.fail(line)
    const bit = 1 << Number(first)
    const half = Number(angle) / 2
    assert.ok(Number(first) < count && (gate === 'cx') === (second !== undefined), line)
    assert.equal(angle !== undefined, gate === 'rz' || gate === 'rx', line)
    const next = state.map(([re, im], i): [number, number] => {
      const [otherRe, otherIm] = state[i ^ bit]!
      const isOne = (i & bit) !== 0
      if (gate === 'h') {
        const sign = isOne ? -1 : 1
        return [(sign * re + otherRe) / Math.SQRT2, (sign * im + otherIm) / Math.SQRT2]
      }
      if (gate === 'cx') return (i & bit) !== 0 ? state[i ^ (1 << Number(second))]! : [re, im]
      const [cos, sin] = [Math.cos(half), Math.sin(half)]
      if (gate === 'rx') return [cos * re + sin * otherIm, cos * im - sin * otherRe]
      const turn = isOne ? sin : -sin
      return [re * cos - im * turn, re * turn + im * cos]
    })
    state = next
  }
  return Float64Array.from(state, ([re, im]) => re * re + im * im)
}

test('simulating the exported circuit gate by gate gives the distribution of the simulator', () => {
  const angles = fc.array(fc.double({ min: -3, max: 3, noNaN: true }), { minLength: 2, maxLength: 2 })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 6 }), fc.nat(1000), angles, angles, (size, seed, gammas, betas) => {
      const qubo = randomQubo(size, seed)
      const energies = energiesOf(qubo)
      const state = new StateVector(size)
      gammas.forEach((gamma, layer) => {
        state.turn(energies, gamma)
        state.mix(betas[layer] ?? 0)
      })
      const chances = runCircuit(qaoaCircuit(qubo, { gammas, betas }, ['a comment']))
      chances.forEach((chance, i) => assert.ok(Math.abs(chance - state.chanceOf(i)) < 1e-9))
    }),
    { numRuns: 30 },
  )
})

test('chances add up to one, whatever the angles', () => {
  const qubo = randomQubo(8, 5)
  const state = new StateVector(8)
  for (const angle of [0.3, -2, 11]) {
    state.turn(energiesOf(qubo), angle)
    state.mix(angle)
  }
  let sum = 0
  for (let i = 0; i < 256; i++) sum += state.chanceOf(i)
  assert.ok(Math.abs(sum - 1) < 1e-12)
})

test('tuned angles make the lowest state likelier than chance, and lower the mean energy', () => {
  const qubo = randomQubo(8, 11)
  const { angles, state, energies } = runQaoa(qubo, 3, { clock, withinMs: 60_000 })
  const lowest = energies.reduce((best, energy, i) => (energy < (energies[best] ?? 0) ? i : best), 0)
  assert.ok(state.chanceOf(lowest) > 5 / 256, `${state.chanceOf(lowest)}`)
  const meanOf = ({ gammas, betas }: Angles): number => {
    const other = new StateVector(8)
    gammas.forEach((gamma, layer) => {
      other.turn(energies, gamma)
      other.mix(betas[layer] ?? 0)
    })
    return other.expectation(energies)
  }
  assert.ok(meanOf(angles) < meanOf(rampAngles(qubo, 3)))
})

test('what is measured follows the chances', () => {
  const state = new StateVector(2)
  state.re.set([0, Math.sqrt(0.75), 0, 0.5])
  assert.deepEqual(state.measure([0.9, 0.1, 0.74, 0.76]), [1, 1, 3, 3])
})

test('the simplex finds the bottom of a valley', () => {
  const valley = ([x = 0, y = 0]: readonly number[]): number => (x - 1) ** 2 + 10 * (y + 2) ** 2 + 3
  const { at, value } = nelderMead(valley, [0, 0], { step: 0.5, evaluationsMax: 400, isOver: () => false })
  assert.ok(Math.abs((at[0] ?? 0) - 1) < 1e-3 && Math.abs((at[1] ?? 0) + 2) < 1e-3 && value < 3.001)
})
