/** A mail about alerts: the alerts, what to do, and where to look. */
import { isOver, linesOf, type Sender, shortId, subjectOf } from '../letter.ts'
import type { Letter } from '../mail.ts'
import type { Notice } from '../mailbox.ts'

export function mailLetter(
  notice: Notice,
  sender: Sender,
  { from, to }: { readonly from: string; readonly to: readonly string[] },
): Letter {
  const { site, link, receiver } = sender
  const where = link === null ? [] : ['', link]
  return {
    from,
    to,
    subject: subjectOf(notice, sender),
    text: [...linesOf(notice), ...where, '', `-- `, `Holdfast at ${site}`].join('\n'),
    // The same at each try, so that mail programs see one that came twice.
    messageId: `<${shortId(`${receiver}\n${notice.id}`)}@holdfast.${site}>`,
    headers: isOver(notice.alerts) ? {} : { 'x-priority': '1' },
  }
}
