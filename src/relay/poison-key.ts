/** By what a request is known that kills model servers: the same for calls that ask the same model the same. */
import { hash } from 'node:crypto'
import type { Call } from '../dialect/call.ts'
import { canonical } from '../dialect/meaning/canonical.ts'
import { withoutIdle } from '../dialect/meaning/call-meaning.ts'

/** Larger requests are known by their bytes: to put them in order would hold up the moving of chunks. */
const orderedBytesMax = 256 * 2 ** 10

const keys = new WeakMap<Call, string>()

/** A hash of model, prompt and parameters; how the answer is to be sent makes no difference. */
export function poisonKeyOf(call: Call): string {
  let key = keys.get(call)
  if (key === undefined) keys.set(call, (key = hash('sha256', meaningOf(call), 'hex').slice(0, 32)))
  return key
}

function meaningOf(call: Call): string | Buffer {
  const { route, body } = call
  if (body.bytes.length > orderedBytesMax) return body.bytes
  try {
    return canonical([route, withoutIdle(route, body.whole())])
  } catch {
    return body.bytes // a number that readers read differently
  }
}
