/** Which addresses may be webhooks: a caller must not make the gateway knock at doors inside the house. */
import { isLoopbackAddress, isPublicAddress } from '../../ground/public-address.ts'

const urlLengthMax = 2048

/** Why it may not, or null. Names are looked at again when they have been resolved. */
export function webhookProblem(text: string, areLocalAllowed: boolean): string | null {
  if (text.length > urlLengthMax || !URL.canParse(text)) return 'webhook.url is not a URL'
  const url = new URL(text)
  const host = url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '')
  if (url.username !== '' || url.password !== '') return 'webhook.url must not hold a user or password'
  const isLocal = host === 'localhost' || isLoopbackAddress(host)
  if (url.protocol === 'http:') {
    return isLocal && areLocalAllowed ? null : 'webhook.url must use https'
  }
  if (url.protocol !== 'https:') return 'webhook.url must use https'
  const isAddress = host.includes(':') || /^[\d.]+$/.test(host)
  if (isAddress ? !isPublicAddress(host) : isInside(host)) return 'webhook.url must be on the public Internet'
  return null
}

function isInside(host: string): boolean {
  return !host.includes('.') || /\.(localhost|local|internal|lan|home|corp|arpa)$/.test(host)
}
