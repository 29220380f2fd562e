/** What an injected cause is: the servers it needs, how it is played, and the name that `explain` must give it. */
import type { CauseName } from '../../src/diagnosis/causes.ts'
import type { ConfigInput } from '../../src/config.ts'
import type { Random } from '../../src/ground/random.ts'
import type { Gateway } from '../crash/gateway.ts'
import type { Ask, Heard } from './ask.ts'

export type Upstream = ConfigInput['upstreams'][string]

/** What a scenario is given before there is a gateway: everything that it opens goes into `parts`. */
export interface Opening {
  readonly parts: AsyncDisposableStack
  readonly random: Random
  /** The model that its servers offer; no other scenario uses it. */
  readonly model: string
  /** Own names of upstreams begin with it. */
  readonly name: string
}

export interface Playing {
  readonly gateway: Gateway
  /** Asks for the scenario's model. */
  readonly ask: (options?: Partial<Ask>) => Promise<Heard>
}

/** A cause that is ready to be injected. */
export interface Scene {
  readonly upstreams: Readonly<Record<string, Upstream>>
  /** Of the scenario's pool, beyond those of the stage. */
  readonly timeouts?: ConfigInput['timeouts']
  /** Of the whole gateway; only where it has one of its own. */
  readonly settings?: Omit<Partial<ConfigInput>, 'upstreams' | 'pools'>
  /** The state folder is on a disk of its own, of this size. */
  readonly diskBytes?: number
  /** In place of the command; one that starts it, and can be broken. */
  readonly program?: string
  /** In place of all that: a gateway that starts its model servers itself. */
  readonly isOfLab?: boolean
  /** Injects the cause; the rays of calls that met it. */
  play(playing: Playing): Promise<readonly (string | undefined)[]>
}

export interface Scenario {
  /** What is done, in a few words. */
  readonly title: string
  readonly expects: CauseName
  /** What is as right, where nobody outside could tell the two apart. */
  readonly alsoRight?: readonly CauseName[]
  /** It can be played only in a network of our own. */
  readonly needsNetwork?: boolean
  /** It concerns the whole gateway, and gets one of its own. */
  readonly isAlone?: boolean
  open(opening: Opening): Promise<Scene>
}

/** A whole number from `from` to `to`. */
export function between(random: Random, from: number, to: number): number {
  return from + Math.floor(random.unit() * (to - from + 1))
}

export function oneOf<T>(random: Random, ...choices: readonly [T, ...T[]]): T {
  return choices[between(random, 0, choices.length - 1)] as T
}

/** So many names of upstreams. */
export function named<T>(name: string, each: readonly T[]): Record<string, T> {
  return Object.fromEntries(each.map((one, i) => [`${name}-${'abcdef'[i] ?? i}`, one]))
}
