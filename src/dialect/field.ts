/** Reading JSON that others wrote: values are looked at before they are believed, and a wrong one names its place. */
import { Fault } from '../fault/fault.ts'

export type Fields = Readonly<Record<string, unknown>>

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** True for what JSON callers use to say that a field is not there. */
export function isAbsent(value: unknown): value is null | undefined {
  return value === null || value === undefined
}

/** @throws {Fault} HF_BAD_CALL */
export function needFields(value: unknown, param: string): Fields {
  if (isFields(value)) return value
  throw badField(param, 'must be an object')
}

/** @throws {Fault} HF_BAD_CALL */
export function needList(value: unknown, param: string): readonly unknown[] {
  if (Array.isArray(value)) return value
  throw badField(param, 'must be an array')
}

/** @throws {Fault} HF_BAD_CALL */
export function needText(value: unknown, param: string): string {
  if (typeof value === 'string') return value
  throw badField(param, 'must be a string')
}

/** The fields that are neither null nor absent, under the same names. */
export function pick(from: Fields, ...names: string[]): Record<string, unknown> {
  return Object.fromEntries(names.filter((name) => !isAbsent(from[name])).map((name) => [name, from[name]]))
}

export function badField(param: string, problem: string): Fault {
  return new Fault('HF_BAD_CALL', { param, detail: `${param} ${problem}` })
}

/** For what is right in the caller's language and has no word in the upstream's. */
export function untranslatable(param: string, why: string): Fault {
  return new Fault('HF_BAD_CALL', {
    param,
    detail: `${param} cannot be served here: the model speaks another API, ${why}`,
  })
}
