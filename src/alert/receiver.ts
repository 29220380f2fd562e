/** Who is told of alerts: takes a message and delivers it, whatever the way. */
import { kindOf, type ReceiverOptions } from './alert-options.ts'
import { alertmanagerPost, resendMs } from './format/alertmanager-body.ts'
import { mailLetter } from './format/mail-body.ts'
import { pagerdutyPost } from './format/pagerduty-body.ts'
import { slackPost } from './format/slack-body.ts'
import { webhookPost } from './format/webhook-body.ts'
import type { Post, Sender } from './letter.ts'
import { mail } from './mail.ts'
import type { MailboxOptions, Notice } from './mailbox.ts'
import { post } from './post.ts'

export interface Receiver {
  readonly name: string
  readonly mailbox: MailboxOptions
  /** Resolves when it has arrived; `signal` gives up. @throws {DeliveryError} */
  deliver(notice: Notice, nowMs: number, signal?: AbortSignal): Promise<void>
}

/** @param options with the secrets themselves in the place of their spelling. */
export function openReceiver(sender: Sender, options: ReceiverOptions, groupWaitMs: number): Receiver {
  const { severityMin, sendResolved, timeoutMs, mail: target } = options
  const kind = kindOf(options)
  const deliver: Receiver['deliver'] = target
    ? (notice, _nowMs, signal) => mail(mailLetter(notice, sender, target), target, { timeoutMs, signal })
    : async (notice, nowMs, signal) => {
        await post(postOf(notice, sender, options, nowMs), { timeoutMs, signal })
      }
  return {
    name: sender.receiver,
    mailbox: {
      severityMin,
      sendResolved,
      groupWaitMs,
      isSingle: kind === 'pagerduty',
      resendMs: kind === 'alertmanager' ? resendMs : null,
    },
    deliver,
  }
}

function postOf(notice: Notice, sender: Sender, options: ReceiverOptions, nowMs: number): Post {
  const { webhook, slack, pagerduty, alertmanager } = options
  if (slack) return slackPost(notice, sender, slack)
  if (pagerduty) return pagerdutyPost(notice, sender, pagerduty)
  if (alertmanager) return alertmanagerPost(notice, sender, alertmanager, nowMs)
  if (webhook) return webhookPost(notice, sender, webhook, nowMs)
  throw new Error(`the receiver ${sender.receiver} has no address`)
}
