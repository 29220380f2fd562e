/** Which addresses may be webhooks: a stranger must not make the gateway knock at doors inside the house. */
import { isLoopbackAddress, isPublicAddress } from './public-address.ts'

const urlLengthMax = 2048

/** Why it may not, to be said after its name; or null. Names are looked at again when they have been resolved. */
export function webhookProblem(text: string, areLocalAllowed: boolean): string | null {
  if (text.length > urlLengthMax || !URL.canParse(text)) return 'is not a URL'
  const url = new URL(text)
  const host = url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '')
  if (url.username !== '' || url.password !== '') return 'must not hold a user or password'
  const isLocal = host === 'localhost' || isLoopbackAddress(host)
  if (url.protocol === 'http:') {
    return isLocal && areLocalAllowed ? null : 'must use https'
  }
  if (url.protocol !== 'https:') return 'must use https'
  const isAddress = host.includes(':') || /^[\d.]+$/.test(host)
  if (isAddress ? !isPublicAddress(host) : isInside(host)) return 'must be on the public Internet'
  return null
}

function isInside(host: string): boolean {
  return !host.includes('.') || /\.(localhost|local|internal|lan|home|corp|arpa)$/.test(host)
}
