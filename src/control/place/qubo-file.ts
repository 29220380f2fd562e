/** A QUBO as others read it: dimod's JSON (D-Wave Ocean, BQM schema 3.0.0), or the `.qubo` text of qbsolv. */
import type { Qubo } from './qubo.ts'

/** For `dimod.BinaryQuadraticModel.from_serializable(json.load(file))`. */
export function bqmJson(qubo: Qubo, info: Readonly<Record<string, unknown>>): string {
  const heads: number[] = []
  const tails: number[] = []
  const biases: number[] = []
  eachPair(qubo, (a, b, factor) => {
    heads.push(a)
    tails.push(b)
    biases.push(factor)
  })
  const model = {
    type: 'BinaryQuadraticModel',
    version: { bqm_schema: '3.0.0' },
    use_bytes: false,
    index_type: 'int32',
    bias_type: 'float64',
    num_variables: qubo.size,
    num_interactions: biases.length,
    variable_labels: qubo.labels,
    variable_type: 'BINARY',
    offset: qubo.offset,
    info,
    linear_biases: qubo.linear,
    quadratic_biases: biases,
    quadratic_head: heads,
    quadratic_tail: tails,
  }
  return `${JSON.stringify(model)}\n`
}

/**
 * Comments, a line of counts, then `i i linear` for each variable and `i j quadratic`, i < j. It has no place for the
 * offset.
 */
export function qbsolvText(qubo: Qubo, comments: readonly string[]): string {
  const pairs: string[] = []
  eachPair(qubo, (a, b, factor) => pairs.push(`${a} ${b} ${factor}`))
  const lines = [
    ...comments.map((each) => `c ${each}`),
    `c offset ${qubo.offset}`,
    ...qubo.labels.map((label, i) => `c ${i} is ${label}`),
    `p qubo 0 ${qubo.size} ${qubo.size} ${pairs.length}`,
    ...qubo.linear.map((factor, i) => `${i} ${i} ${factor}`),
    ...pairs,
  ]
  return `${lines.join('\n')}\n`
}

function eachPair(qubo: Qubo, visit: (a: number, b: number, factor: number) => void): void {
  qubo.quadratic.forEach((row, a) => {
    for (const [b, factor] of [...row].toSorted(([x], [y]) => x - y)) if (factor !== 0) visit(a, b, factor)
  })
}
