/** Command-line flags of the lab: parsed by Node, checked and explained here. */
import { parseArgs, type ParseArgsOptionsConfig } from 'node:util'
import { nearestName } from '../../src/ground/name.ts'
import { UsageError } from './command.ts'

export interface Flag {
  readonly type: 'text' | 'number' | 'switch' | 'texts'
  /** What stands for the value in the help, and one sentence with the default. */
  readonly value?: string
  readonly says: string
}

export interface FlagValues {
  text(name: string): string | undefined
  number(name: string): number | undefined
  texts(name: string): readonly string[]
  has(name: string): boolean
}

/** Lines of help, one a flag. */
export function toFlagHelp(flags: Readonly<Record<string, Flag>>): string {
  return Object.entries(flags)
    .map(
      ([name, flag]) => `  ${`--${name}${flag.value === undefined ? '' : ` ${flag.value}`}`.padEnd(30)} ${flag.says}`,
    )
    .join('\n')
}

function parse(args: readonly string[], flags: Readonly<Record<string, Flag>>) {
  const options: ParseArgsOptionsConfig = {}
  for (const [name, flag] of Object.entries(flags)) {
    options[name] = { type: flag.type === 'switch' ? 'boolean' : 'string', multiple: flag.type === 'texts' }
  }
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: false }).values
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    const unknown = /'--?([^' ]+)/.exec(message)?.[1]
    const near =
      unknown !== undefined && !Object.hasOwn(flags, unknown) ? nearestName(unknown, Object.keys(flags)) : null
    throw new UsageError(near === null ? message : `there is no --${unknown ?? ''}; did you mean --${near}?`)
  }
}

/** @throws {UsageError} for an unknown flag, a missing value, or a number that is none. */
export function parseFlags(args: readonly string[], flags: Readonly<Record<string, Flag>>): FlagValues {
  const values = parse(args, flags)
  const text = (name: string): string | undefined => {
    const value = values[name]
    return typeof value === 'string' ? value : undefined
  }
  const number = (name: string): number | undefined => {
    const value = text(name)
    if (value === undefined) return undefined
    const parsed = Number(value)
    if (value.trim() === '' || !Number.isFinite(parsed) || parsed < 0)
      throw new UsageError(`--${name} takes a number, 0 or more; got "${value}"`)
    return parsed
  }
  const texts = (name: string): readonly string[] => {
    const value = values[name]
    return Array.isArray(value) ? value.map(String) : []
  }
  for (const [name, flag] of Object.entries(flags)) if (flag.type === 'number') number(name)
  return { text, number, texts, has: (name) => values[name] === true }
}
