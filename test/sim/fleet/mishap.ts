/** What befalls a fleet in a day, each at its moment and for its time; and what operators do to it meanwhile. */
import type { Trouble } from '../../../src/control/autoscale/demand.ts'
import type { Driver } from '../../../src/fleet/driver.ts'
import type { Deploy } from './release-kinds.ts'

export type DriverKind = Driver['kind']

/** How a driver fails. */
export const driverFailures = [
  'away', // it throws, whatever it is asked
  'refuses', // it starts nothing
  'late', // its list takes seconds, or longer than anybody waits
  'old', // its list is what was a while ago
  'deaf', // it lost its watch: no hints
  'start-lost', // it starts what it is asked for, and then says that it could not
  'stop-stuck', // what is to end does not
] as const
export type DriverFailure = (typeof driverFailures)[number]

/** What it tells of one replica, and is not so. */
export const lies = ['dead-runs', 'forgotten', 'twice'] as const
export type Lie = (typeof lies)[number]

/** What is wrong with a release. */
export const badReleases = ['never-ready', 'forks-away', 'slow-start', 'dies-early'] as const
export type BadRelease = (typeof badReleases)[number]

export const changes = ['more', 'fewer', 'release', 'weight', 'drain', 'gone', 'driver', 'few-actions'] as const
export type Change = (typeof changes)[number]

/** `of` picks one of those that live then: 0 the first, just below 1 the last. */
export type Mishap = { readonly atMs: number; readonly forMs: number } & (
  | { readonly kind: 'dies'; readonly of: number; readonly how: 'exit' | 'SIGKILL' | 'SIGSEGV' | 'out-of-memory' }
  /** As often as it is started, until the time is over. */
  | { readonly kind: 'crash-loop'; readonly of: number }
  /** `isWhole`: its health page hangs too. It comes back when its time is over; without one, never. */
  | { readonly kind: 'hangs'; readonly of: number; readonly isWhole: boolean }
  | { readonly kind: 'leaks'; readonly of: number; readonly bytesPerHour: number }
  | { readonly kind: 'host-dies'; readonly of: number; readonly share: number }
  | { readonly kind: 'driver'; readonly driver: DriverKind; readonly how: DriverFailure }
  | { readonly kind: 'lie'; readonly of: number; readonly how: Lie }
  | { readonly kind: 'wall-jump'; readonly ms: number }
  | { readonly kind: 'control-dies' }
  /** The workers are not heard. */
  | { readonly kind: 'silence' }
  | { readonly kind: 'burst'; readonly deployment: number; readonly factor: number }
  /** By an operator; taken back when its time is over. */
  | { readonly kind: 'config'; readonly deployment: number; readonly change: Change }
  | { readonly kind: 'bad-config'; readonly deployment: number; readonly how: BadRelease }
  | { readonly kind: 'dry-run' }
  /** By an operator: another release. What it names may be no good. */
  | ({ readonly kind: 'deploy'; readonly deployment: number } & Deploy)
  /** Gone on with when its time is over. */
  | { readonly kind: 'pause'; readonly deployment: number }
  | { readonly kind: 'rollback'; readonly deployment: number }
  /** Something is known to go on: an incident, planned maintenance. */
  | { readonly kind: 'trouble'; readonly how: TroubleKind }
)

export type TroubleKind = Trouble | 'maintenance'

export function mishapWords(mishap: Mishap): string {
  const { atMs, forMs, kind, ...rest } = mishap
  const more = Object.entries(rest).map(
    ([name, value]) => `${name} ${typeof value === 'number' ? round(value) : value}`,
  )
  const time = forMs > 0 ? `for ${Math.round(forMs / 1000)} s` : ''
  return [clockWords(atMs), kind, ...more, time].filter((each) => each !== '').join(' ')
}

export function clockWords(ms: number): string {
  const s = Math.floor(ms / 1000)
  const two = (n: number): string => String(n).padStart(2, '0')
  return `${two(Math.floor(s / 3600))}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`
}

const round = (value: number): string => String(Number(value.toPrecision(4)))
