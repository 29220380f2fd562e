/**
 * A message for any program: the body is that of Alertmanager's webhooks (version 4), the signature that of Standard
 * Webhooks.
 */
import { isoTime } from '../../ground/iso-time.ts'
import { isOver, labelsOf, type Post, type Sender, shortId } from '../letter.ts'
import type { AlertNews, Notice } from '../mailbox.ts'
import { webhookHeaders } from '../standard-webhook.ts'

export interface WebhookTarget {
  readonly url: string
  readonly secret?: string | undefined
  readonly token?: string | undefined
}

export function webhookPost(notice: Notice, sender: Sender, target: WebhookTarget, nowMs: number): Post {
  const body = JSON.stringify(bodyOf(notice, sender))
  const id = `msg_${shortId(`${sender.receiver}\n${notice.id}`)}`
  const { url, secret, token } = target
  const headers = {
    ...webhookHeaders({ id, body, secret }, nowMs),
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
  }
  return { url, headers, body }
}

function bodyOf(notice: Notice, sender: Sender): object {
  const { alerts, group } = notice
  return {
    version: '4',
    receiver: sender.receiver,
    status: isOver(alerts) ? 'resolved' : 'firing',
    groupKey: `{}:{alertname=${JSON.stringify(group)}}`,
    groupLabels: { alertname: group },
    commonLabels: { alertname: group, site: sender.site },
    commonAnnotations: {},
    externalURL: sender.link ?? '',
    truncatedAlerts: 0,
    alerts: alerts.map((alert) => alertOf(alert, sender)),
  }
}

function alertOf(alert: AlertNews, sender: Sender): object {
  const { identity, condition, firedMs, endedMs } = alert
  return {
    status: endedMs === null ? 'firing' : 'resolved',
    labels: labelsOf(alert, sender),
    annotations: { summary: condition.summary, description: condition.cure },
    startsAt: isoTime(firedMs),
    endsAt: endedMs === null ? '0001-01-01T00:00:00Z' : isoTime(endedMs),
    generatorURL: sender.link ?? '',
    fingerprint: shortId(identity).slice(0, 16),
  }
}
