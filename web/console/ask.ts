/** Questions to the operators' port, with the token where it wants one. */
import { signal } from '@preact/signals'

const patienceMs = 10_000
const tokenName = 'holdfast-token'

/** The port wants a token, and has none from us or another one. */
export const isTokenWanted = signal(false)

/** It is gone with this tab. */
export function keepToken(token: string): void {
  sessionStorage.setItem(tokenName, token)
  isTokenWanted.value = false
}

export class Refused extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/** @throws {Refused} with the port's own words, or {Error} when it cannot be reached. */
export async function ask<T>(path: string): Promise<T> {
  const token = sessionStorage.getItem(tokenName)
  const headers: Record<string, string> = token === null ? {} : { authorization: `Bearer ${token}` }
  const answer = await fetch(path, { headers, signal: AbortSignal.timeout(patienceMs) })
  if (answer.status === 401) isTokenWanted.value = true
  const told = (await answer.json()) as T & { error?: string }
  if (!answer.ok) throw new Refused(answer.status, told.error ?? `status ${answer.status}`)
  return told
}
