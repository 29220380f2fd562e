/** Reading the fields of a JSON body: each either of the right type, or absent, or refused by name. */
import { Refusal } from './refusal.ts'

export type Fields = Readonly<Record<string, unknown>>

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function wrong(name: string, wanted: string): Refusal {
  return new Refusal('bad_request', `Input should be ${wanted}: ${name}`, { param: name })
}

export function textField(fields: Fields, name: string): string | undefined {
  const value = fields[name]
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'string') throw wrong(name, 'a valid string')
  return value
}

export function countField(fields: Fields, name: string): number | undefined {
  const value = fields[name]
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0) throw wrong(name, 'a valid integer')
  return value
}

export function flagField(fields: Fields, name: string): boolean | undefined {
  const value = fields[name]
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'boolean') throw wrong(name, 'a valid boolean')
  return value
}

export function listField(fields: Fields, name: string): readonly unknown[] | undefined {
  const value = fields[name]
  if (value === undefined || value === null) return undefined
  if (!Array.isArray(value)) throw wrong(name, 'a valid list')
  return value
}

/** A text, or a list of texts. */
export function textsField(fields: Fields, name: string): readonly string[] {
  const value = fields[name]
  if (value === undefined || value === null) return []
  if (typeof value === 'string') return [value]
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value
  throw wrong(name, 'a valid string or list of strings')
}
