/**
 * `holdfast key create|list|limits|rotate|revoke`: written into a file of the state folder; a gateway that runs takes
 * it in within a moment, one that does not at its start.
 */
import { systemClock } from '../ground/clock.ts'
import { systemRandom } from '../ground/random.ts'
import { KeyDesk, type MadeKey, type ShownKey } from '../house/key-desk.ts'
import type { Tier } from '../relay/overload/tier.ts'
import { commandConfig, type ConfigOptions } from './command-config.ts'

export interface KeyCommand extends ConfigOptions {
  readonly json?: boolean
}

export interface KeyWishes {
  readonly model?: readonly string[]
  readonly tier?: Tier
  readonly onDisconnect?: 'cancel' | 'detach'
  readonly cache?: 'off' | 'sure' | 'all' | 'semantic'
  readonly requestsPerMinute?: number
  readonly tokensPerMinute?: number
  readonly callsLive?: number
  readonly tokensPerDay?: number
  readonly tokensPerMonth?: number
  readonly moneyPerDay?: number
  readonly moneyPerMonth?: number
  readonly days?: number
  readonly unlimited?: boolean
}

/** @throws {KeyError} in words that name the cure. */
export function createKey(name: string, options: KeyCommand & KeyWishes): void {
  const desk = open(options)
  const isFirst = desk.list().length === 0
  const made = desk.create({ name, settings: settingsOf(options), days: options.days })
  tellSecret(made, options)
  if (isFirst && !options.json) write('From now on this gateway takes no calls without a key.')
}

export function listKeys(options: KeyCommand & { readonly all?: boolean }): void {
  const keys = open(options)
    .list()
    .filter(({ state }) => options.all || state === 'good')
  if (options.json) return write(JSON.stringify({ keys }, null, 2))
  if (keys.length === 0) return write('There is no key; `holdfast key create <name>` makes one.')
  for (const key of keys) write(line(key))
}

/** @throws {KeyError} */
export function changeKey(name: string, options: KeyCommand & KeyWishes): void {
  const desk = open(options)
  const key = desk.list().find((each) => each.name === name)
  const { limits: wished, ...more } = settingsOf(options)
  const limits = { ...(options.unlimited ? {} : key?.settings.limits), ...wished }
  const settings = { ...key?.settings, ...more, limits }
  desk.change(name, settings)
  write(options.json ? JSON.stringify({ name, settings }) : `Changed ${name}.`)
}

/** @throws {KeyError} */
export function rotateKey(name: string, options: KeyCommand & { readonly graceMinutes: number }): void {
  tellSecret(open(options).rotate(name, options.graceMinutes * 60_000), options)
  if (!options.json) write(`The old secret is good for ${options.graceMinutes} more minutes.`)
}

/** @throws {KeyError} */
export function revokeKey(name: string, options: KeyCommand): void {
  open(options).revoke(name)
  write(options.json ? JSON.stringify({ name, revoked: true }) : `${name} is revoked.`)
}

function open(options: KeyCommand): KeyDesk {
  return new KeyDesk(commandConfig(options), systemClock, systemRandom)
}

function tellSecret({ name, secret, endsMs }: MadeKey, { json }: KeyCommand): void {
  if (json)
    return write(JSON.stringify({ name, secret, ends: endsMs === null ? null : new Date(endsMs).toISOString() }))
  write(`The key of ${name}, which is shown this once:\n\n    ${secret}\n`)
}

function settingsOf(wishes: KeyWishes) {
  const { model, tier, onDisconnect, cache, callsLive, unlimited: _u, days: _d, ...rest } = wishes
  const { requestsPerMinute, tokensPerMinute, tokensPerDay, tokensPerMonth, moneyPerDay, moneyPerMonth } = rest
  const limits = {
    ...{ requestsPerMinute, tokensPerMinute, tokensPerDay, tokensPerMonth, moneyPerDay, moneyPerMonth },
    callsLiveMax: callsLive,
  }
  const given = Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined))
  return {
    ...(model && { models: [...model] }),
    ...(tier && { tier }),
    ...(onDisconnect && { onDisconnect }),
    ...(cache && { cache }),
    ...(Object.keys(given).length > 0 && { limits: given }),
  }
}

/** `alice  sk-hf-Ab12Cd…  standard  requestsPerMinute 3 of 60  since 2026-11-28`. */
function line({ name, state, prefixes, settings, used, createdMs, endsMs }: ShownKey): string {
  const limits = Object.entries(settings.limits ?? {}).map(([kind, limit]) => {
    const now = used[kind]
    return `${kind} ${now === undefined ? '' : `${Math.round(now * 100) / 100} of `}${limit}`
  })
  const parts = [
    name.padEnd(20),
    prefixes.map((prefix) => `${prefix}…`).join(', ') || '-',
    state === 'good' ? settings.tier : state,
    ...(settings.models ? [`only ${settings.models.join(', ')}`] : []),
    ...limits,
    `since ${day(createdMs)}`,
    ...(endsMs === null ? [] : [`until ${day(endsMs)}`]),
  ]
  return parts.join('  ')
}

const day = (ms: number): string => new Date(ms).toISOString().slice(0, 10)

function write(text: string): void {
  process.stdout.write(`${text}\n`)
}
