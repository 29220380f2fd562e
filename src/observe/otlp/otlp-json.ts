/**
 * The pieces of OTLP in JSON (opentelemetry-proto 1.x): attributes and times, put together as text. Objects and
 * JSON.stringify cost ten times as much, and spans come for every call.
 */

/** An attribute with this value, and a comma behind it; nothing where there is none. */
export function textAttribute(key: string, value: string | null | undefined): string {
  return value === null || value === undefined ? '' : `{"key":"${key}","value":{"stringValue":${quoted(value)}}},`
}

export function textsAttribute(key: string, value: string | null): string {
  return value === null ? '' : `{"key":"${key}","value":{"arrayValue":{"values":[{"stringValue":${quoted(value)}}]}}},`
}

/** 64 bits do not fit into a number of JSON. */
export function intAttribute(key: string, value: number | null): string {
  return value === null ? '' : `{"key":"${key}","value":{"intValue":"${value}"}},`
}

export function doubleAttribute(key: string, value: number | null): string {
  return value === null ? '' : `{"key":"${key}","value":{"doubleValue":${value}}},`
}

export function trueAttribute(key: string, isTrue: boolean): string {
  return isTrue ? `{"key":"${key}","value":{"boolValue":true}},` : ''
}

/** Those told, as the list that a signal has. */
export function attributesList(told: string): string {
  return `"attributes":[${told.slice(0, -1)}]`
}

/** Names are mostly plain; others are left to who knows all of JSON. */
const plain = /^[ !#-[\]-~]*$/

/** Longer values are cut: a caller may name a model as it likes. */
const lengthMax = 512

export function quoted(text: string): string {
  const told = text.length > lengthMax ? text.slice(0, lengthMax) : text
  return plain.test(told) ? `"${told}"` : JSON.stringify(told)
}

/** Nanoseconds since 1970, from milliseconds with fractions. */
export function nanos(ms: number): string {
  return `${Math.round(ms * 1000)}000`
}
