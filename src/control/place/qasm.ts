/**
 * The circuit of QAOA in OpenQASM 3, gates of `stdgates.inc` alone: a Hadamard on each qubit, and for each layer the
 * Ising form of the QUBO as RZ and CX·RZ·CX, then RX. With x = (1 − z)/2 a term a·x is −a/2·z, and a·x·y is
 * a/4·(z·z′ − z − z′); constants turn all states alike and are left out.
 */
import type { Angles } from './qaoa.ts'
import type { Qubo } from './qubo.ts'

/** Lines of a circuit. */
const gatesMax = 5_000_000

/** @throws {Error} for one that nobody could run. */
export function qaoaCircuit(qubo: Qubo, { gammas, betas }: Angles, comments: readonly string[]): string {
  const gates = gammas.length * (3 * qubo.pairCount + 2 * qubo.size)
  if (gates > gatesMax) throw new Error(`The circuit would have ${gates.toLocaleString('en-US')} gates.`)
  const { fields, pairs } = isingOf(qubo)
  const lines = [
    'OPENQASM 3.0;',
    'include "stdgates.inc";',
    ...comments.map((each) => `// ${each}`),
    ...qubo.labels.map((label, i) => `// q[${i}]: ${label.replaceAll(/[^\x20-\x7e]/g, '?')}`),
    `qubit[${qubo.size}] q;`,
    `bit[${qubo.size}] c;`,
    ...qubo.labels.map((_, i) => `h q[${i}];`),
  ]
  gammas.forEach((gamma, layer) => {
    lines.push(`// layer ${layer + 1}`)
    fields.forEach((field, i) => {
      if (field !== 0) lines.push(`rz(${angle(2 * gamma * field)}) q[${i}];`)
    })
    for (const [a, b, coupling] of pairs)
      lines.push(`cx q[${a}], q[${b}];`, `rz(${angle(2 * gamma * coupling)}) q[${b}];`, `cx q[${a}], q[${b}];`)
    for (let i = 0; i < qubo.size; i++) lines.push(`rx(${angle(2 * (betas[layer] ?? 0))}) q[${i}];`)
  })
  return `${[...lines, 'c = measure q;'].join('\n')}\n`
}

function isingOf(qubo: Qubo): { fields: number[]; pairs: [number, number, number][] } {
  const fields = qubo.linear.map((factor) => -factor / 2)
  const pairs: [number, number, number][] = []
  qubo.quadratic.forEach((row, a) => {
    for (const [b, factor] of row) {
      if (factor === 0) continue
      pairs.push([a, b, factor / 4])
      fields[a] = (fields[a] ?? 0) - factor / 4
      fields[b] = (fields[b] ?? 0) - factor / 4
    }
  })
  return { fields, pairs }
}

/** Within a turn of RZ and RX, whose period is 4π; never in the form 1e-7, which some readers do not know. */
function angle(radians: number): string {
  return (radians % (4 * Math.PI)).toFixed(12)
}
