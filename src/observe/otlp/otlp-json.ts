/** The pieces of OTLP in JSON (opentelemetry-proto 1.x): attributes and times. */

export type Value = string | number | boolean | readonly string[]

/** An integer; numbers without this mark are told as doubles. */
export class Int {
  readonly value: number
  constructor(value: number) {
    this.value = value
  }
}

export interface KeyValue {
  readonly key: string
  readonly value: object
}

/** Those without a value are left out. */
export function attributes(values: Readonly<Record<string, Value | Int | null | undefined>>): KeyValue[] {
  const told: KeyValue[] = []
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
  // 64 bits do not fit into a number of JSON.
  if (value instanceof Int) return { intValue: String(value.value) }
  return { arrayValue: { values: value.map((each) => ({ stringValue: each })) } }
}

/** Nanoseconds since 1970, from milliseconds with fractions. */
export function nanos(ms: number): string {
  return `${Math.round(ms * 1000)}000`
}
