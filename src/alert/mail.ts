/**
 * Sends mail (nodemailer, wrapped): one connection a message, each step of it in time. The library takes 3 MB and is
 * loaded with the first message.
 */
import { DeliveryError } from './delivery-error.ts'
import { oneLine } from './letter.ts'
import type { MailServerOptions } from './mail-options.ts'

/** A mail; line ends in names and subjects are taken out by nodemailer. */
export interface Letter {
  /** An address, or a name and an address. */
  readonly from: string | { readonly name: string; readonly address: string }
  readonly to: readonly string[]
  readonly subject: string
  readonly text: string
  readonly html?: string
  /** In angle brackets. */
  readonly messageId: string
  readonly headers: Readonly<Record<string, string>>
}

/** How long it may take; `signal` gives up before. */
export interface MailLimits {
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
}

/** Resolves when the mail server has taken it. @throws {DeliveryError} */
export async function mail(letter: Letter, server: MailServerOptions, limits: MailLimits): Promise<void> {
  const { timeoutMs } = limits
  const { host, port, security, user, password } = server
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
  const { from, to, subject, text, html, messageId, headers } = letter
  const sent = transport.sendMail({
    from,
    // Each one address, never a list that is read out of a text.
    to: to.map((address) => ({ name: '', address })),
    subject,
    text,
    ...(html !== undefined && { html }),
    messageId,
    headers: { 'auto-submitted': 'auto-generated', ...headers },
  })
  try {
    await Promise.race([sent, late.promise])
  } catch (error) {
    sent.catch(() => {})
    throw refusal(error)
  } finally {
    transport.close()
  }
}

/** What the server said of the receiver is about the receiver; everything else would befall any mail. */
function refusal(error: unknown): DeliveryError {
  const words = oneLine(error instanceof Error ? error.message : String(error))
  const { responseCode = 0, command = '' } = error as { responseCode?: number; command?: string }
  const isAboutReceiver = /^(RCPT TO|DATA)/.test(command) && responseCode >= 400 && responseCode !== 421
  return new DeliveryError(words, {
    isOurs: !isAboutReceiver,
    isFinal: isAboutReceiver && command.startsWith('RCPT') && responseCode >= 500,
  })
}
