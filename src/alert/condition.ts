/** Something that is so just now and that somebody should know of. What becomes of it is the book's. */

/** `critical`: wake somebody; `warning`: look at it in working hours; `info`: good to know. */
export const severities = ['info', 'warning', 'critical'] as const
export type Severity = (typeof severities)[number]

export interface Condition {
  /** Its kind, in CamelCase as Alertmanager has it: `ErrorBudgetBurn`. */
  readonly name: string
  readonly severity: Severity
  /** What it is about: an objective, an upstream, a pool. Together with name and severity its identity. */
  readonly labels: Readonly<Record<string, string>>
  /** One sentence for people; numbers in it may change while the condition lasts. */
  readonly summary: string
  /** What to do about it. */
  readonly cure: string
  /** How long it must last before it is told, milliseconds; default 0. */
  readonly holdMs?: number
}

/** Two conditions with one identity are one alert. */
export function identityOf({ name, severity, labels }: Pick<Condition, 'name' | 'severity' | 'labels'>): string {
  const about = Object.entries(labels)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([label, value]) => `${label}=${JSON.stringify(value)}`)
  return `${name}/${severity}{${about.join(',')}}`
}

export function isAtLeast(severity: Severity, least: Severity): boolean {
  return severities.indexOf(severity) >= severities.indexOf(least)
}
