/** The vector in the answer of an embeddings call, brought to length 1; bad ones are told apart from none. */
import { type Fields, isFields } from '../dialect/field.ts'

const dimensionsMax = 8192
const bodyBytesMax = 2 ** 20
/** Below it squares have no digits left. */
const lengthMin = 1e-100

/** Null for what is none: not of numbers, empty or too long, as good as zero, or not finite. */
export function readVector(body: Buffer): Float32Array | null {
  if (body.length > bodyBytesMax) return null
  const values = valuesOf(body)
  if (values === null || values.length === 0 || values.length > dimensionsMax) return null
  let square = 0
  for (const value of values) {
    if (typeof value !== 'number' || !Number.isFinite(value)) return null
    square += value * value
  }
  const length = Math.sqrt(square)
  if (!(length > lengthMin) || !Number.isFinite(length)) return null
  return Float32Array.from(values as number[], (value) => value / length)
}

function valuesOf(body: Buffer): readonly unknown[] | null {
  try {
    const answer: unknown = JSON.parse(body.toString('utf8'))
    const list = isFields(answer) ? answer['data'] : null
    const only = Array.isArray(list) && list.length === 1 ? (list[0] as Fields | null) : null
    const values = isFields(only) ? only['embedding'] : null
    return Array.isArray(values) ? values : null
  } catch {
    return null
  }
}
