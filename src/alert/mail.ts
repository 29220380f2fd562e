/**
 * Sends mail (nodemailer, wrapped): one connection a message, each step of it in time. The library takes 3 MB and is
 * loaded with the first message.
 */
import { PassThrough } from 'node:stream'
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
  /**
   * Beyond that, for the server to say that it has taken what was sent whole (RFC 5321, 4.5.3.2.6, has ten minutes for
   * it): whoever gives up before sends it twice. Default 0.
   */
  readonly answerMs?: number
  readonly signal?: AbortSignal | undefined
}

/** Resolves when the mail server has taken it. @throws {DeliveryError} */
export async function mail(letter: Letter, server: MailServerOptions, limits: MailLimits): Promise<void> {
  const { timeoutMs, answerMs = 0 } = limits
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
    socketTimeout: timeoutMs + answerMs,
    disableFileAccess: true,
    disableUrlAccess: true,
  })
  const late = Promise.withResolvers<never>()
  const giveUp = (): void => {
    // A server that sends a byte now and then is never silent long enough for the limits above.
    transport.close()
    late.reject(new Error(`${host} took longer than ${timeoutMs} ms`))
  }
  let isSent = false
  transport.use('stream', ({ message }, done) => {
    const end = (): void => void (isSent = true)
    message.transform(() => new PassThrough().on('end', end))
    done()
  })
  const giveUpUnsent = (): void => (isSent && answerMs > 0 ? undefined : giveUp())
  using _ = listen(AbortSignal.timeout(timeoutMs), giveUpUnsent)
  using __ = listen(AbortSignal.timeout(timeoutMs + answerMs), giveUp)
  using ___ = listen(limits.signal, giveUp)
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
    throw refusal(error, isSent)
  } finally {
    transport.close()
  }
}

/** Until it is disposed of: a signal that is listened to is kept until its time is over. */
function listen(signal: AbortSignal | undefined, run: () => void): Disposable {
  signal?.addEventListener('abort', run)
  return { [Symbol.dispose]: () => signal?.removeEventListener('abort', run) }
}

/** What the server said of the receiver is about the receiver; everything else would befall any mail. */
function refusal(error: unknown, isSent: boolean): DeliveryError {
  const words = oneLine(error instanceof Error ? error.message : String(error))
  const { responseCode = 0, command = '' } = error as { responseCode?: number; command?: string }
  const isAboutReceiver = /^(RCPT TO|DATA)/.test(command) && responseCode >= 400 && responseCode !== 421
  return new DeliveryError(words, {
    isOurs: !isAboutReceiver,
    isUnsure: isSent && responseCode === 0,
    isFinal: isAboutReceiver && command.startsWith('RCPT') && responseCode >= 500,
  })
}
