/** A message for a channel of Slack: a headline, the alerts, what to do. */
import { isOver, linesOf, type Post, type Sender, subjectOf } from '../letter.ts'
import type { Notice } from '../mailbox.ts'
import { escapeSlack, slackMessage } from '../slack-message.ts'

export function slackPost(notice: Notice, sender: Sender, target: { readonly url: string }): Post {
  const mark = isOver(notice.alerts) ? ':white_check_mark:' : ':rotating_light:'
  const text = escapeSlack(subjectOf(notice, sender))
  const lines = escapeSlack(linesOf(notice).join('\n'))
  const link = sender.link === null ? [] : [`<${sender.link}|Look at it>`]
  return slackMessage(target.url, `${mark} ${text}`, [`${mark} *${text}*`, lines, ...link])
}
