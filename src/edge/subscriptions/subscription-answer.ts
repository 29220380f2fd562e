/** A subscription as callers see it. */
import { formatOffset } from '../durable-streams/offset.ts'
import { streamRoot } from '../durable-streams/stream-target.ts'
import { type LinkInfo, linkInfos, type Subscription, type Tails } from './subscription.ts'
import type { WebhookKey } from './webhook-key.ts'

export function infosOf(links: readonly LinkInfo[]): object[] {
  return links.map(({ name, link, tail, isPending }) => ({
    path: name,
    link_type: link.isExplicit ? 'explicit' : 'glob',
    acked_offset: formatOffset(link.acked),
    tail_offset: formatOffset(tail),
    has_pending: isPending,
  }))
}

export function subscriptionAnswer(subscription: Subscription, tails: Tails, key: WebhookKey): object {
  const { id, config, baseUrl, leftOut } = subscription
  const signing = { alg: 'ed25519', kid: key.jwk.kid, jwks_url: `${baseUrl}${streamRoot}__ds/jwks.json` }
  return {
    id,
    subscription_id: id,
    type: config.type,
    pattern: config.pattern ?? undefined,
    streams: linkInfos(subscription, tails).map(({ name, link }) => ({
      path: name,
      link_type: link.isExplicit ? 'explicit' : 'glob',
      acked_offset: formatOffset(link.acked),
    })),
    // There is no more room among the links: these streams wake nobody.
    ...(leftOut > 0 && { streams_left_out: leftOut }),
    webhook: config.webhookUrl === null ? undefined : { url: config.webhookUrl, signing },
    wake_stream: config.wakeStream ?? undefined,
    lease_ttl_ms: config.leaseMs,
    created_at: new Date(subscription.createdMs).toISOString(),
    status: subscription.failureCount > 0 ? 'failed' : 'active',
    description: config.description ?? undefined,
  }
}
