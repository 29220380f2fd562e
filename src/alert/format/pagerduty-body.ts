/** An event for PagerDuty (Events API v2): one alert, triggered or resolved under the same key. */
import { isoTime } from '../../ground/iso-time.ts'
import { labelsOf, oneLine, type Post, type Sender, shortId } from '../letter.ts'
import type { Notice } from '../mailbox.ts'

/** @param notice one of a single alert. @throws {Error} for one without */
export function pagerdutyPost(
  notice: Notice,
  sender: Sender,
  target: { readonly url: string; readonly key: string },
): Post {
  const [alert] = notice.alerts
  if (!alert) throw new Error('a message without an alert')
  const { condition, identity, firedMs, endedMs } = alert
  const body = {
    routing_key: target.key,
    event_action: endedMs === null ? 'trigger' : 'resolve',
    // Of the alert and not of the gateway: two of one site raise one incident.
    dedup_key: `holdfast/${sender.site}/${shortId(identity)}`,
    payload: {
      summary: oneLine(`${condition.name} at ${sender.site}: ${condition.summary}`),
      source: `holdfast ${sender.site}`,
      severity: condition.severity,
      timestamp: isoTime(endedMs ?? firedMs),
      component: 'holdfast',
      class: condition.name,
      custom_details: { ...labelsOf(alert, sender), cure: condition.cure },
    },
    ...(sender.link !== null && { links: [{ href: sender.link, text: 'Look at it' }] }),
  }
  return { url: target.url, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
}
