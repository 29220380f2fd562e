/** The library of commands, and how their arguments are read. */
import { Command, InvalidArgumentError, Option } from 'commander'

export { Command, Option }

export function port(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 0 || value > 65_535)
    throw new InvalidArgumentError('A port is a number from 0 to 65535.')
  return value
}

export function workerCount(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1 || value > 64) throw new InvalidArgumentError('From 1 to 64 workers.')
  return value
}

export function milliseconds(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError('Milliseconds are a whole number.')
  return value
}

export function wholeNumber(max: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (!Number.isInteger(value) || value < 1 || value > max) throw new InvalidArgumentError(`From 1 to ${max}.`)
    return value
  }
}

export function positive(text: string): number {
  const value = Number(text)
  if (!Number.isFinite(value) || value <= 0) throw new InvalidArgumentError('A number above 0.')
  return value
}

/** For an option that may be given several times. */
export function eachOf(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value]
}
