/**
 * What is kept beside an event and goes to nobody's wire: the ids of its tokens, the prompt's at the first event, and
 * what happened at a seam. Written as JSON; the usual one is the bare array that the upstream sent.
 */
import { isFields, type Fields } from '../field.ts'

export interface TokenIds {
  /** The model that they are of, as its upstream calls it. */
  readonly model: string
  readonly prompt: readonly number[]
  readonly answer: readonly number[]
}

/** Stands beside the first event after a seam. */
export interface SeamNote {
  /** Seams of the answer, this one included. */
  readonly count: number
  /** One of them was joined by likeness only. */
  readonly isApproximate: boolean
  /** Who spoke, in order, by the names of the upstreams. */
  readonly upstreams: readonly string[]
}

/** What a caller is told who asked about seams. */
export function toMark({ count, isApproximate, upstreams }: SeamNote): Fields {
  return { continued: count, approximate: isApproximate, upstreams }
}

export interface Aside {
  readonly model?: string
  readonly prompt?: readonly number[]
  readonly tokens?: readonly number[]
  readonly seam?: SeamNote
}

export function toAside(aside: Aside): Buffer {
  return Buffer.from(JSON.stringify(aside))
}

/** Never throws: an aside that cannot be read is none. */
export function readAside(bytes: Buffer | null | undefined): Aside {
  if (!bytes || bytes.length === 0) return {}
  try {
    const value: unknown = JSON.parse(bytes.toString())
    if (Array.isArray(value)) return isIds(value) ? { tokens: value } : {}
    if (!isFields(value)) return {}
    const { model, prompt, tokens, seam } = value
    return {
      ...(typeof model === 'string' && { model }),
      ...(isIds(prompt) && { prompt }),
      ...(isIds(tokens) && { tokens }),
      ...(isFields(seam) && { seam: seam as unknown as SeamNote }),
    }
  } catch {
    return {}
  }
}

function isIds(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((id) => Number.isInteger(id))
}
