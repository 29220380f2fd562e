/**
 * Sends mail (nodemailer, wrapped): one connection a message, each step of it in time. The library takes 3 MB and is
 * loaded with the first message.
 */
import type { ReceiverOptions } from './alert-options.ts'
import { isOver, linesOf, oneLine, type Sender, shortId, subjectOf } from './letter.ts'
import type { Notice } from './mailbox.ts'
import { DeliveryError } from './post.ts'

export type MailTarget = NonNullable<ReceiverOptions['mail']>

/** How long it may take; `signal` gives up before. */
export interface MailLimits {
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
}

/** Resolves when the mail server has taken it. @throws {DeliveryError} */
export async function mail(notice: Notice, sender: Sender, target: MailTarget, limits: MailLimits): Promise<void> {
  const { timeoutMs } = limits
  const { host, port, security, user, password, from, to } = target
  const { createTransport } = await import('nodemailer')
  const transport = createTransport({
    host,
    port,
    secure: security === 'tls',
    requireTLS: security === 'starttls',
    ignoreTLS: security === 'none',
    ...(user !== undefined && { auth: { user, pass: password ?? '' } }),
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    disableFileAccess: true,
    disableUrlAccess: true,
  })
  const late = Promise.withResolvers<never>()
  const signal = AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(limits.signal ? [limits.signal] : [])])
  signal.addEventListener('abort', () => {
    // A server that sends a byte now and then is never silent long enough for the limits above.
    transport.close()
    late.reject(new Error(`${host} took longer than ${timeoutMs} ms`))
  })
  const sent = transport.sendMail({
    from,
    to,
    subject: subjectOf(notice, sender),
    text: textOf(notice, sender),
    // The same at each try, so that mail programs see one that came twice.
    messageId: `<${shortId(`${sender.receiver}\n${notice.id}`)}@holdfast.${sender.site}>`,
    headers: { 'auto-submitted': 'auto-generated', ...(isOver(notice.alerts) ? {} : { 'x-priority': '1' }) },
  })
  try {
    await Promise.race([sent, late.promise])
  } catch (error) {
    sent.catch(() => {})
    throw new DeliveryError(oneLine(error instanceof Error ? error.message : String(error)))
  } finally {
    transport.close()
  }
}

function textOf(notice: Notice, { site, link }: Sender): string {
  const where = link === null ? [] : ['', link]
  return [...linesOf(notice), ...where, '', `-- `, `Holdfast at ${site}`].join('\n')
}
