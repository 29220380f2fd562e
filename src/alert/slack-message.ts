/** A message for an incoming webhook of Slack: a headline for notifications, and sections. */
import type { Post } from './letter.ts'

/** Slack refuses longer texts of a section. */
const sectionLengthMax = 2900

/** `sections`: in Slack's markup; what is not ours in them has to be escaped. */
export function slackMessage(url: string, text: string, sections: readonly string[]): Post {
  const blocks = sections
    .filter((words) => words !== '')
    .map((words) => ({
      type: 'section',
      text: { type: 'mrkdwn', text: words.slice(0, sectionLengthMax).toWellFormed() },
    }))
  return { url, headers: { 'content-type': 'application/json' }, body: JSON.stringify({ text, blocks }) }
}

/** Names must not become links, or calls to everybody. */
export function escapeSlack(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
