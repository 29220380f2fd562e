/** A reader of strangers' bytes, as the fuzzer sees it. */
import { Fault } from '../../src/fault/fault.ts'

export interface Target {
  /** `room/reader`. */
  readonly name: string
  /** Inputs that make sense, one of each kind; the fuzzer begins with them. */
  readonly seeds: readonly (string | Buffer)[]
  readonly words?: readonly string[]
  /** Longest input, bytes. Default 32 KiB. */
  readonly bytesMax?: number
  /**
   * Reads, and checks what it can of what comes out (by throwing a `Broken`). Gives a few words that tell outcomes
   * apart: an input with a new one is worth further changes.
   */
  run(bytes: Buffer): string | number | boolean | null | void | Promise<string | number>
  /** Errors that are the reader's proper no, beside faults of our table. */
  refuses?(thrown: unknown): boolean
}

/** What came out is not what may come out. */
export class Broken extends Error {}

export function must(isSo: boolean, words: string): asserts isSo {
  if (!isSo) throw new Broken(words)
}

/** The words of a proper no; null where it is none: a crash, or a `Broken`. */
export function refusalOf(target: Target, thrown: unknown): string | null {
  if (thrown instanceof Fault && thrown.code !== 'HF_INTERNAL') return `${thrown.code} ${shape(thrown.detail)}`
  if (thrown instanceof Broken || !target.refuses?.(thrown)) return null
  return shape(thrown instanceof Error ? `${thrown.name} ${thrown.message}` : String(thrown))
}

/** Without what differs from input to input. */
function shape(text: string): string {
  return text
    .slice(0, 120)
    .replace(/"[^"]*"?/g, '"…"')
    .replace(/\d+/g, '#')
}

export const byName =
  (...names: string[]) =>
  (thrown: unknown): boolean =>
    thrown instanceof Error && names.includes(thrown.name)
