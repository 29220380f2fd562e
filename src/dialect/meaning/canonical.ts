/** One spelling for all JSON values that mean the same: fields by their names, no blanks, one way to escape. */
import { orderedFields } from './field-rules.ts'

/** A whole number that many readers would round, or one beyond all numbers: nobody can say what it means. */
export class Unclear extends Error {}

/** Array indexes as names: JSON.parse puts these first, so the order that they stood in is not known. */
const indexName = /^(0|[1-9]\d{0,9})$/

/**
 * @param isOrdered the order of fields is part of the meaning here.
 * @throws {Unclear}
 */
export function canonical(value: unknown, isOrdered = false): string {
  if (Array.isArray(value)) return `[${value.map((each) => canonical(each, isOrdered)).join(',')}]`
  if (typeof value === 'number') return canonicalNumber(value)
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const fields = value as Readonly<Record<string, unknown>>
  const names = Object.keys(fields)
  if (!isOrdered) names.sort()
  else if (names.length > 1 && names.some((name) => indexName.test(name))) throw new Unclear()
  const texts = names.map((name) => {
    return `${JSON.stringify(name)}:${canonical(fields[name], isOrdered || orderedFields.has(name))}`
  })
  return `{${texts.join(',')}}`
}

function canonicalNumber(value: number): string {
  if (!Number.isFinite(value) || Math.abs(value) > Number.MAX_SAFE_INTEGER) throw new Unclear()
  return JSON.stringify(value)
}
