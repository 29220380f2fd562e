/** What of objectives and alerts outlives the gateway, and its shape in the file. */
import type { Alert } from '../alert/alert-book.ts'
import { severities } from '../alert/condition.ts'
import type { Told } from '../alert/mailbox.ts'
import { z } from '../ground/schema.ts'
import type { ScoreState } from '../objective/scoreboard.ts'

export interface AlertState {
  readonly alerts: readonly Alert[]
  /** By receiver and identity. */
  readonly told: Readonly<Record<string, Readonly<Record<string, Told>>>>
  readonly scores: ScoreState
}

const timeMs = z.number().nullable()
const condition = z.object({
  name: z.string(),
  severity: z.enum(severities),
  labels: z.record(z.string(), z.string()),
  summary: z.string(),
  cure: z.string(),
  holdMs: z.number().exactOptional(),
})
const alert = z.object({
  identity: z.string(),
  condition,
  sinceMs: z.number(),
  firedMs: timeMs,
  goneMs: timeMs,
  endedMs: timeMs,
  returns: z.number(),
})
const told = z.object({ condition, firedMs: z.number(), toldMs: z.number() })
const rows = z.array(z.tuple([z.number(), z.number(), z.number()]))
const schema = z.object({
  alerts: z.array(alert),
  told: z.record(z.string(), z.record(z.string(), told)),
  scores: z.record(z.string(), z.object({ minutes: rows, hours: rows })),
})

/** @throws {Error} for what is no such state */
export function readAlertState(value: unknown): AlertState {
  return schema.parse(value)
}
