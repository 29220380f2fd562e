/**
 * Looks up a name and keeps only those of its addresses that may be connected to: a name that is public today may lead
 * into the house tomorrow. The system's own lookup comes in by argument.
 */
import type { lookup as Lookup } from 'node:dns'
import type { LookupFunction } from 'node:net'

export function guardedLookup(lookup: typeof Lookup, isAllowed: (address: string) => boolean): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      const allowed = addresses?.filter(({ address }) => isAllowed(address)) ?? []
      const [first] = allowed
      if (error) callback(error, [])
      else if (!first) callback(new Error('the address of the webhook is not allowed'), [])
      else if (options.all) callback(null, allowed)
      else callback(null, first.address, first.family)
    })
  }
}

/** An address is not looked up, so it has to be looked at before. `hostname`: of a URL. */
export function isBarred(hostname: string, isAllowed: (address: string) => boolean): boolean {
  const host = hostname.replace(/^\[|\]$/g, '')
  return (host.includes(':') || /^[\d.]+$/.test(host)) && !isAllowed(host)
}
