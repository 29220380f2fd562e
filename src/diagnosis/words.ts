/** Words for people: times, names in a row, and what findings have in common. */
import type { Scene } from './scene.ts'
import type { Server } from './server.ts'
import type { Sign } from './sign.ts'

const namesMax = 4

/** `a`, `a and b`, `a, b and 3 more`. */
export function inRow(names: readonly string[]): string {
  const unique = [...new Set(names)]
  if (unique.length > namesMax)
    return `${unique.slice(0, namesMax - 1).join(', ')} and ${unique.length - namesMax + 1} more`
  return unique.length < 2 ? (unique[0] ?? '') : `${unique.slice(0, -1).join(', ')} and ${unique.at(-1)}`
}

/** The servers that failed, or words for none. */
export function culprits({ servers }: Scene): string {
  return servers.length === 0 ? 'the model server' : inRow(servers.map(({ name }) => name))
}

/** 350 ms, 1.2 s, 4 min. */
export function span(ms: number): string {
  const size = Math.abs(ms)
  if (size < 1000) return `${Math.round(size)} ms`
  if (size < 60_000) return `${(size / 1000).toFixed(size < 10_000 ? 1 : 0)} s`
  if (size < 120 * 60_000) return `${Math.round(size / 60_000)} min`
  return `${Math.round(size / 3_600_000)} h`
}

/** 1.2 s before, 3 s after. */
export function apart(atMs: number, fromMs: number): string {
  return `${span(atMs - fromMs)} ${atMs < fromMs ? 'before' : 'after'}`
}

export function clock(atMs: number): string {
  return Number.isFinite(atMs) && Math.abs(atMs) < 8e15 ? new Date(atMs).toISOString().slice(11, 23) : '?'
}

/** Technical words of the failures and of the call; the first that fits. */
export function said({ call, failures, seams }: Scene, pattern: RegExp): string | null {
  for (const text of [call?.detail, ...failures.map(({ detail }) => detail), ...seams.map(({ detail }) => detail)])
    if (text && pattern.test(text)) return text.slice(0, wordsMax)
  return null
}

const wordsMax = 200

/** The same for each server; the first that says something. */
export function ofAny({ servers }: Scene, look: (server: Server) => string | null | false): string | null {
  for (const server of servers) {
    const found = look(server)
    if (found) return found
  }
  return null
}

/** The same for each server; only when all say it and there are at least so many. */
export function ofAll({ servers }: Scene, leastCount: number, look: (server: Server) => boolean): boolean {
  return servers.length >= leastCount && servers.every(look)
}

export function has({ signs }: Scene, ...wanted: readonly Sign[]): boolean {
  return wanted.some((sign) => signs.has(sign))
}

/** A model that is unknown now was answered for before, to somebody. */
export function offeredBefore({ call, others, beganMs }: Scene): string | null {
  if (call?.code !== 'HF_MODEL_UNKNOWN') return null
  const was = others.some(
    ({ model, outcome, atMs }) => model === call.model && outcome === 'complete' && atMs < beganMs,
  )
  return was ? `“${call.model.slice(0, 100)}” was offered before` : null
}
