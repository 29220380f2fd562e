/** The log: one JSON object a line (pino, wrapped). Never holds a prompt, an answer or a key. */
import { pino } from 'pino'
import { systemClock } from '../ground/clock.ts'
import { safeJson } from '../ground/one-line.ts'
import { redact } from '../ground/redact.ts'
import { callLine } from './call-line.ts'
import type { ExchangeFact } from './exchange-fact.ts'
import { LineSink } from './line-sink.ts'
import type { LogOptions } from './log-options.ts'

export interface Log {
  debug(facts: object, message: string): void
  info(facts: object, message: string): void
  warn(facts: object, message: string): void
  error(facts: object, message: string): void
  /**
   * The line of one call, of level `info` or `warn`. It comes for every call, so it is written without the detours of a
   * general logger (a quarter of the CPU time of a call); its facts are of a closed type that has no room for a secret.
   */
  call(level: 'info' | 'warn', fact: ExchangeFact): void
  /** Writes what is still in memory, as far as the system takes it. */
  flush(): void
}

/** No fact of ours is called so; should one ever be, its value is not written. */
const secretNames = ['authorization', 'cookie', 'apiKey', 'password', 'secret', 'token']
const secretPaths = [...secretNames.flatMap((name) => [name, `*.${name}`]), '*["set-cookie"]', '*["x-api-key"]']

function safe(value: unknown): unknown {
  return typeof value === 'string' ? redact(value) : value
}

/** `target`: a file, or file descriptor 1 or 2. @throws {Error} when the file cannot be opened */
export function openLog(options: LogOptions, target: string | 1 | 2, base: Record<string, string | number>): Log {
  const stream = new LineSink(target, systemClock)
  const logger = pino(
    {
      level: options.level,
      base,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (level) => ({ level }) },
      serializers: { detail: safe, message: safe, error: safe },
      redact: { paths: secretPaths, censor: '[redacted]' },
    },
    { write: (line: string) => stream.write(safeJson(line)) },
  )
  const prefix = JSON.stringify(base).slice(1, -1)
  return {
    debug: (facts, message) => logger.debug(facts, message),
    info: (facts, message) => logger.info(facts, message),
    warn: (facts, message) => logger.warn(facts, message),
    error: (facts, message) => logger.error(facts, message),
    call: (level, fact) => {
      if (logger.isLevelEnabled(level)) stream.write(callLine(level, fact, prefix))
    },
    flush: () => stream.flush(),
  }
}

/** A log that nobody reads, for tests and tools. */
export const silentLog: Log = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  call: () => {},
  flush: () => {},
}
