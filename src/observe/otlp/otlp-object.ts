/** Attributes of OTLP as objects, for what is told every now and then. */

type Value = string | number | boolean

/** An integer; numbers without this mark are told as doubles. */
export class Int {
  readonly value: number
  constructor(value: number) {
    this.value = value
  }
}

/** Those without a value are left out. */
export type Attributes = Readonly<Record<string, Value | Int | null | undefined>>

export function attributes(values: Attributes): object[] {
  const told: object[] = []
  for (const key in values) {
    const value = values[key]
    if (value !== null && value !== undefined) told.push({ key, value: anyValue(value) })
  }
  return told
}

function anyValue(value: Value | Int): object {
  if (typeof value === 'string') return { stringValue: value }
  if (typeof value === 'boolean') return { boolValue: value }
  if (typeof value === 'number') return { doubleValue: value }
  return { intValue: String(value.value) }
}
