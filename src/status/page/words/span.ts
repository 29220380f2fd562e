/** How long something lasted, in the words of a language: `14 minutes`, `3 hours`, `4 days`. */
import type { Words } from './en.ts'

export function spanIn(spans: Words['spans'], ms: number): string {
  const minutes = Math.max(1, Math.round(ms / 60_000))
  if (minutes < 120) return spans.minute(String(minutes), minutes === 1)
  const hours = Math.round(minutes / 60)
  return hours < 48 ? spans.hour(String(hours), hours === 1) : spans.day(String(Math.round(hours / 24)), false)
}
