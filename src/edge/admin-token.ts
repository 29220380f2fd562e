/** Who may ask the operators' port: on loopback whoever reaches it, elsewhere who shows the token. */
import { createHash, timingSafeEqual } from 'node:crypto'

export const tokenLengthMin = 16

/** Only this machine can reach it. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host)
}

/** Whether a request shows the token; how long that takes does not depend on what it shows. */
export function showsToken(authorization: string | undefined, token: string): boolean {
  const shown = /^bearer +(\S.*)$/i.exec(authorization ?? '')?.[1] ?? ''
  return timingSafeEqual(digest(shown), digest(token))
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
