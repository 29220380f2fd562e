/** `cache-status`, RFC 9211: what this cache did with a request, for whoever looks at the answer. */
import type { Forward } from './decide.ts'

export interface CacheNews {
  readonly isHit?: boolean
  readonly forward?: Forward
  /** Status of the application's answer, where it is another than that sent. */
  readonly forwardStatus?: number
  readonly ttlMs?: number
  readonly isStored?: boolean
  /** It waited for a request like it that was on its way already. */
  readonly isCollapsed?: boolean
  /** A word, such as why it is not kept. */
  readonly detail?: string
}

export function cacheStatus(news: CacheNews): string {
  const parts = ['holdfast']
  if (news.isHit) parts.push('hit')
  if (news.forward) parts.push(`fwd=${news.forward}`)
  if (news.forwardStatus !== undefined) parts.push(`fwd-status=${news.forwardStatus}`)
  if (news.ttlMs !== undefined) parts.push(`ttl=${Math.trunc(news.ttlMs / 1000)}`)
  if (news.isStored) parts.push('stored')
  if (news.isCollapsed) parts.push('collapsed')
  if (news.detail) parts.push(`detail=${news.detail}`)
  return parts.join('; ')
}
