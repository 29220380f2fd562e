/** What to make of an answer that came in one piece where a stream was asked for. */
import { Fault, toFault } from '../fault/fault.ts'
import type { Translation } from '../dialect/translation.ts'

/**
 * An error that calls itself a success has words of its own; all else makes no sense.
 * @param type its content type. @param body null where there is none, or it is too large to be an error.
 */
export function insteadOfStream(type: string, body: Buffer | null, translation: Pick<Translation, 'readWhole'>): Fault {
  try {
    if (body) translation.readWhole(body)
  } catch (thrown) {
    const fault = toFault(thrown)
    if (fault.code !== 'HF_UPSTREAM_GARBLED') return fault
  }
  return new Fault('HF_UPSTREAM_GARBLED', { detail: `a stream was asked for, ${type.slice(0, 80)} came` })
}
