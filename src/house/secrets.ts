/** Reads the secrets that the configuration only names: from the environment, and from files of their own. */
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Config } from '../config.ts'
import type { UpstreamOptions } from '../fleet/upstream-options.ts'
import { ConfigError } from '../ground/config-error.ts'
import type { Random } from '../ground/random.ts'
import { type OtlpTarget, readOtlpTarget } from '../observe/otlp/otlp-target.ts'

/**
 * A secret as the configuration spells it: `env:NAME`, `file:PATH`, or the secret itself.
 * @throws {ConfigError} when the variable or file is not there.
 */
export function readSecret(spelling: string, field: string): string {
  if (spelling.startsWith('env:')) {
    const variable = spelling.slice(4)
    const value = process.env[variable]
    if (value) return value
    throw new ConfigError([
      {
        place: 'environment',
        field,
        message: `the variable ${variable} is not set`,
        cure: `Set ${variable}, or use \`file:PATH\`.`,
      },
    ])
  }
  if (!spelling.startsWith('file:')) return spelling
  const place = spelling.slice(5)
  const secret = readFile(place, field)
  if (secret !== '') return secret
  throw new ConfigError([{ place, field, message: 'the file is empty', cure: 'Put the secret into it.' }])
}

function readFile(place: string, field: string): string {
  try {
    return readFileSync(place, 'utf8').trim()
  } catch (error) {
    const { message } = error as Error
    throw new ConfigError([{ place, field, message, cure: 'Check the path and who may read it.' }])
  }
}

/** The gateway's own keys for an upstream. @throws {ConfigError} */
export function readKeys(name: string, { key, keys }: Pick<UpstreamOptions, 'key' | 'keys'>): string[] {
  if (keys) return keys.map((spelling, i) => readSecret(spelling, `upstreams.${name}.keys.${i}`))
  return key === undefined || key === 'caller' ? [] : [readSecret(key, `upstreams.${name}.key`)]
}

/**
 * Where telemetry goes, out of the configuration and the variables of OpenTelemetry; null for nowhere.
 * @throws {ConfigError}
 */
export function readTelemetry({ telemetry }: Pick<Config, 'telemetry'>): OtlpTarget | null {
  try {
    return readOtlpTarget(telemetry.otlp, process.env, readSecret)
  } catch (error) {
    if (error instanceof ConfigError) throw error
    const cure = 'Give the base URL of the receiver, e.g. http://127.0.0.1:4318, or unset the variable.'
    throw new ConfigError([{ place: 'environment', field: 'telemetry.otlp', message: (error as Error).message, cure }])
  }
}

const keptBytes = 32

/** `random`: the system's. */
export function makeSecret(random: Random): Buffer {
  return Buffer.from(Uint8Array.from({ length: keptBytes }, () => random.bits(8)))
}

/**
 * A secret of our own that all processes share and that outlives them: the first one makes it. @throws {Error} where it
 * cannot be kept.
 */
export function keptSecret(path: string, random: Random): Buffer {
  const kept = readKept(path)
  if (kept) return kept
  // Whole or not at all, and never in the place of another's.
  const draft = `${path}.${process.pid}`
  try {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(draft, makeSecret(random), { mode: 0o600 })
    linkSync(draft, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    rmSync(draft, { force: true })
  }
  const made = readKept(path)
  if (!made) throw new Error(`${path} holds no secret of ${keptBytes} bytes; remove it`)
  return made
}

function readKept(path: string): Buffer | null {
  try {
    const secret = readFileSync(path)
    return secret.length === keptBytes ? secret : null
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}
