/**
 * Name lookups of one origin, joined: while one is under way, others wait for its result. A lookup blocks one of the
 * process's few I/O threads (which also write the journal), so a resolver that is down must not be asked once a call.
 */
import type { LookupFunction } from 'node:net'

type Callback = Parameters<LookupFunction>[2]

/** Connections that may wait for one lookup; more are told EAI_AGAIN at once. */
export const lookupWaitersMax = 4096

/** @param lookup asks for the one name of this origin; called again only after it has answered */
export function joinedLookup(lookup: LookupFunction): LookupFunction {
  let waiting: Callback[] | null = null
  return (host, options, callback) => {
    if (waiting !== null) {
      if (waiting.length < lookupWaitersMax) waiting.push(callback)
      else callback(Object.assign(new Error(`too many lookups of ${host}`), { code: 'EAI_AGAIN' }), [])
      return
    }
    waiting = [callback]
    lookup(host, options, (error, address, family) => {
      const callbacks = waiting ?? []
      waiting = null
      for (const call of callbacks) call(error, address, family)
    })
  }
}
