/**
 * Alerts for Alertmanager (API v2). It forgets what it is not reminded of, so what goes on is sent again and again,
 * each time with an end a few times as far away: when this gateway is gone, so are its alerts after that.
 */
import { isoTime } from '../../ground/iso-time.ts'
import { labelsOf, type Post, type Sender } from '../letter.ts'
import type { Notice } from '../mailbox.ts'

/** How often what goes on is sent again. */
export const resendMs = 60_000
/** As Prometheus has it: four times that. */
const goodForMs = 4 * resendMs

export interface AlertmanagerTarget {
  readonly url: string
  readonly token?: string | undefined
}

export function alertmanagerPost(notice: Notice, sender: Sender, target: AlertmanagerTarget, nowMs: number): Post {
  const body = notice.alerts.map((alert) => ({
    labels: labelsOf(alert, sender),
    annotations: { summary: alert.condition.summary, description: alert.condition.cure },
    startsAt: isoTime(alert.firedMs),
    endsAt: isoTime(alert.endedMs ?? nowMs + goodForMs),
    ...(sender.link !== null && { generatorURL: sender.link }),
  }))
  return {
    url: `${target.url.replace(/\/+$/, '')}/api/v2/alerts`,
    headers: {
      'content-type': 'application/json',
      ...(target.token !== undefined && { authorization: `Bearer ${target.token}` }),
    },
    body: JSON.stringify(body),
  }
}
