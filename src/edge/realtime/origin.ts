/**
 * Which pages may open a WebSocket where no key is asked for. No rule of browsers keeps the page of another site from
 * it, nor from reading what comes: without this, every page that somebody visits could use the models of a gateway
 * that he can reach.
 */
import { Fault } from '../../fault/fault.ts'

const loopback = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/

/**
 * Programs name no origin, or one that is no web page's (`app://…`); pages of this machine and of the gateway's own
 * name are at home. `hosts`: names that the gateway was asked by. @throws {Fault} HF_KEY_UNKNOWN
 */
export function checkOrigin(origin: string | undefined, hosts: readonly (string | undefined)[]): void {
  if (origin === undefined || (origin !== 'null' && !/^https?:/i.test(origin))) return
  const page = hostnameOf(origin)
  if (page !== null && (loopback.test(page) || hosts.some((host) => host && hostnameOf(`http://${host}`) === page)))
    return
  throw new Fault('HF_KEY_UNKNOWN', { detail: 'a page of another site; without keys only pages of this one may' })
}

function hostnameOf(url: string): string | null {
  return URL.canParse(url) ? new URL(url).hostname : null
}
