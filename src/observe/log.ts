/** The log: one JSON object a line (pino, wrapped). Never holds a prompt, an answer or a key. */
import { pino, destination } from 'pino'
import { z } from '../ground/schema.ts'

export const logSchema = z
  .strictObject({
    level: z
      .enum(['debug', 'info', 'warn', 'error', 'silent'])
      .default('info')
      .meta({ description: 'Least weight of a line that is written.' }),
    file: z
      .string()
      .optional()
      .meta({ description: 'File to write to. Default: standard output; standard error when that is a terminal.' }),
    access: z.boolean().default(true).meta({ description: 'Write a line for each call.' }),
  })
  .prefault({})
  .meta({ description: 'The log.' })

export type LogOptions = z.output<typeof logSchema>

export interface Log {
  debug(facts: object, message: string): void
  info(facts: object, message: string): void
  warn(facts: object, message: string): void
  error(facts: object, message: string): void
  /** Writes what is still in memory. */
  flush(): void
}

/** Header names whose values must never be seen, should one ever reach a line. */
const secretPaths = [
  'authorization',
  'key',
  'headers.authorization',
  'headers["x-api-key"]',
  '*.authorization',
  '*.key',
]

/** `target`: a file, or file descriptor 1 or 2. */
export function openLog(options: LogOptions, target: string | 1 | 2, base: Record<string, string | number>): Log {
  // Written in the background in pieces of 4 KiB, so that a slow disk or terminal never holds up a call.
  const stream = destination({ dest: target, sync: false, minLength: 4096, mkdir: true, periodicFlush: 500 })
  const logger = pino(
    {
      level: options.level,
      base,
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: secretPaths,
      formatters: { level: (level) => ({ level }) },
    },
    stream,
  )
  return {
    debug: (facts, message) => logger.debug(facts, message),
    info: (facts, message) => logger.info(facts, message),
    warn: (facts, message) => logger.warn(facts, message),
    error: (facts, message) => logger.error(facts, message),
    flush: () => {
      try {
        stream.flushSync()
      } catch {
        // Not open yet, or already gone: nothing is in memory then.
      }
    },
  }
}

/** A log that nobody reads, for tests and tools. */
export const silentLog: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, flush: () => {} }
