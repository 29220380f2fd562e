/**
 * The state of n qubits as 2ⁿ complex amplitudes, and the two steps of QAOA on it. It is exact, on one core, and takes
 * 24 bytes an amplitude with its energy: 22 qubits are 100 MB, and each further one doubles memory and time.
 */
import type { Qubo } from './qubo.ts'

/** Beyond this a layer takes seconds and gigabytes. */
export const qubitsMax = 22

export function stateBytes(qubits: number): number {
  return 24 * 2 ** qubits
}

export class StateVector {
  readonly qubits: number
  readonly re: Float64Array
  readonly im: Float64Array

  /** All states alike: a Hadamard gate on each qubit of |0…0⟩. */
  constructor(qubits: number) {
    this.qubits = qubits
    this.re = new Float64Array(2 ** qubits).fill(2 ** (-qubits / 2))
    this.im = new Float64Array(2 ** qubits)
  }

  reset(): void {
    this.re.fill(2 ** (-this.qubits / 2))
    this.im.fill(0)
  }

  /** e^(−iγE): each state turns by its energy. */
  turn(energies: Float64Array, gamma: number): void {
    const { re, im } = this
    for (let state = 0; state < re.length; state++) {
      const angle = -gamma * (energies[state] as number)
      const cos = Math.cos(angle)
      const sin = Math.sin(angle)
      const a = re[state] as number
      const b = im[state] as number
      re[state] = a * cos - b * sin
      im[state] = a * sin + b * cos
    }
  }

  /** e^(−iβX) on each qubit: RX(2β). */
  mix(beta: number): void {
    const { re, im } = this
    const cos = Math.cos(beta)
    const sin = Math.sin(beta)
    for (let stride = 1; stride < re.length; stride *= 2) {
      for (let block = 0; block < re.length; block += 2 * stride) {
        for (let low = block; low < block + stride; low++) {
          const high = low + stride
          const a = re[low] as number
          const b = im[low] as number
          const c = re[high] as number
          const d = im[high] as number
          re[low] = cos * a + sin * d
          im[low] = cos * b - sin * c
          re[high] = cos * c + sin * b
          im[high] = cos * d - sin * a
        }
      }
    }
  }

  /** Mean of the energies under the chances of the states. */
  expectation(energies: Float64Array): number {
    let sum = 0
    for (let state = 0; state < energies.length; state++) sum += this.chanceOf(state) * (energies[state] as number)
    return sum
  }

  chanceOf(state: number): number {
    const a = this.re[state] as number
    const b = this.im[state] as number
    return a * a + b * b
  }

  /** The states that measurements give, by numbers of [0, 1) that are made up by chance. */
  measure(draws: readonly number[]): number[] {
    const sorted = draws.toSorted((a, b) => a - b)
    const states: number[] = []
    let [sum, state] = [this.chanceOf(0), 0]
    for (const draw of sorted) {
      while (sum <= draw && state < this.re.length - 1) sum += this.chanceOf(++state)
      states.push(state)
    }
    return states
  }
}

/** The energy of each state; variable v is bit v of its number. In the time of 2ⁿ times the pairs of one variable. */
export function energiesOf(qubo: Qubo): Float64Array {
  const energies = new Float64Array(2 ** qubo.size)
  energies[0] = qubo.offset
  const factors: number[] = new Array<number>(qubo.size).fill(0)
  for (let variable = 0; variable < qubo.size; variable++) {
    for (let other = 0; other < variable; other++) factors[other] = qubo.quadratic[other]?.get(variable) ?? 0
    const half = 2 ** variable
    // What the variable adds to a state of the lower ones, built up from those with one bit less.
    const added = new Float64Array(half)
    added[0] = qubo.linear[variable] ?? 0
    for (let bit = 0; bit < variable; bit++) {
      const from = 2 ** bit
      for (let state = 0; state < from; state++) added[from + state] = (added[state] ?? 0) + (factors[bit] ?? 0)
    }
    for (let state = 0; state < half; state++) energies[half + state] = (energies[state] ?? 0) + (added[state] ?? 0)
  }
  return energies
}
