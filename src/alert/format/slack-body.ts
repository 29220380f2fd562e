/** A message for an incoming webhook of Slack: a headline, the alerts, what to do. */
import { isOver, linesOf, type Post, type Sender, subjectOf } from '../letter.ts'
import type { Notice } from '../mailbox.ts'

/** Slack refuses longer texts of a section. */
const sectionLengthMax = 2900

export function slackPost(notice: Notice, sender: Sender, target: { readonly url: string }): Post {
  const mark = isOver(notice.alerts) ? ':white_check_mark:' : ':rotating_light:'
  const text = escapeSlack(subjectOf(notice, sender))
  const lines = escapeSlack(linesOf(notice).join('\n')).slice(0, sectionLengthMax)
  const link = sender.link === null ? [] : [section(`<${sender.link}|Look at it>`)]
  const body = { text: `${mark} ${text}`, blocks: [section(`${mark} *${text}*`), section(lines), ...link] }
  return { url: target.url, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
}

function section(text: string): object {
  return { type: 'section', text: { type: 'mrkdwn', text } }
}

/** Names must not become links, or calls to everybody. */
function escapeSlack(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
