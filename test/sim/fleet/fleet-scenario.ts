/** A whole day of a fleet, drawn from one number: what is deployed, what is asked of it, and what befalls it. */
import { Chance } from '../../world/chance.ts'
import { drawDeploy } from './release-kinds.ts'
import { badReleases, changes, type DriverKind, driverFailures, lies, type Mishap } from './mishap.ts'

export interface DeploymentTraits {
  readonly name: string
  readonly driver: DriverKind
  /** As configured in the morning. */
  readonly replicas: number
  /** Over the day, in the middle. */
  readonly callsPerSecond: number
  /** What one replica bears. */
  readonly callsPerReplicaSecond: number
  /** How long a call is in hand, seconds. */
  readonly callS: number
  /** When in the day most is asked, 0 to 1, and by how much more than in the middle. */
  readonly peakAt: number
  readonly swing: number
  /** By its load; else there are as many as configured. */
  readonly isScaled: boolean
  /** From running to ready. */
  readonly readyMs: readonly [number, number]
}

export interface FleetScenario {
  readonly seed: number
  readonly hours: number
  readonly replicas: number
  readonly callsPerSecond: number
  readonly actionsPerMinuteMax: number
  readonly deployments: readonly DeploymentTraits[]
  /** In their order. */
  readonly mishaps: readonly Mishap[]
}

export interface Asked {
  readonly seed: number
  readonly replicas?: number
  readonly hours?: number
  readonly callsPerSecond?: number
  /** For tests: nothing befalls it. */
  readonly isCalm?: boolean
}

const hourMs = 3_600_000
/** Behind the last mishap all is to come to rest. */
export const quietMs = 40 * 60_000
/** The first copies become ready. */
const dawnMs = 5 * 60_000

export function drawFleet({ seed, isCalm = false, ...asked }: Asked): FleetScenario {
  const chance = new Chance(seed).fork('scenario')
  const replicas = asked.replicas ?? chance.whole(3, 30)
  const hours = asked.hours ?? chance.whole(1, 3)
  const callsPerSecond = asked.callsPerSecond ?? 10 * replicas
  const scaling = chance.fork('scaling')
  const drawn = drawDeployments(chance, replicas, callsPerSecond)
  const deployments = drawn.map((each) => ({ ...each, isScaled: scaling.happens(0.4) }))
  const actionsPerMinuteMax = Math.max(chance.pick([6, 20, 60]), Math.ceil(replicas / 4))
  const around = { replicas, hours, deployments }
  const mishaps = isCalm
    ? []
    : [...drawMishaps(chance.fork('mishaps'), around), ...drawDeploys(chance.fork('deploys'), around)]
  return {
    seed,
    hours,
    replicas,
    callsPerSecond,
    actionsPerMinuteMax,
    deployments,
    mishaps: mishaps.toSorted((a, b) => a.atMs - b.atMs),
  }
}

function drawDeployments(
  chance: Chance,
  replicas: number,
  callsPerSecond: number,
): Omit<DeploymentTraits, 'isScaled'>[] {
  const count = Math.max(1, Math.min(12, Math.round(replicas / 90) + chance.whole(0, 2), replicas))
  const sizes = Array.from({ length: count }, () => chance.between(1, 4))
  const all = sizes.reduce((sum, size) => sum + size, 0)
  let left = replicas
  return sizes.map((size, i) => {
    const rest = count - 1 - i
    const own = rest === 0 ? left : Math.max(1, Math.min(left - rest, Math.round((replicas * size) / all)))
    left -= own
    const calls = (callsPerSecond * own) / replicas
    const swing = chance.between(0.1, 0.6)
    // At the peak most of what there is is needed.
    const use = chance.between(0.6, 0.9)
    const first = chance.between(2000, 60_000)
    return {
      name: `d${i}`,
      driver: chance.pick(['process', 'docker', 'kubernetes'] as const),
      replicas: own,
      callsPerSecond: calls,
      callsPerReplicaSecond: (calls * (1 + swing)) / (use * own),
      callS: chance.between(0.5, 8),
      peakAt: chance.between(0, 1),
      swing,
      readyMs: [first, first * chance.between(1.1, 2)],
    }
  })
}

interface Around {
  readonly replicas: number
  readonly hours: number
  readonly deployments: readonly DeploymentTraits[]
}

/** Small fleets have their troubles close together, large ones as many as they have replicas. */
function drawMishaps(chance: Chance, { replicas, hours, deployments }: Around): Mishap[] {
  const lastMs = hours * hourMs - quietMs
  const busyMs = lastMs - dawnMs
  if (busyMs <= 0) return []
  const ills = Math.ceil(Math.max((4 * busyMs) / hourMs, (0.8 * replicas * busyMs) / (24 * hourMs)))
  const others = Math.ceil((chance.between(3, 8) * busyMs) / hourMs)
  const mishaps = [
    ...Array.from({ length: ills }, () => drawIll(chance, dawnMs + chance.between(0, busyMs))),
    ...Array.from({ length: others }, () => drawOther(chance, dawnMs + chance.between(0, busyMs), deployments)),
  ]
  // Nothing lasts into the evening.
  const within = mishaps.map((each) => ({ ...each, forMs: Math.min(each.forMs, lastMs - each.atMs) }))
  return within
}

/** What operators deploy, with what they do meanwhile; and what is known to go on. */
function drawDeploys(chance: Chance, { hours, deployments }: Around): Mishap[] {
  const lastMs = hours * hourMs - quietMs
  const busyMs = lastMs - dawnMs
  if (busyMs <= 0) return []
  const count = Math.ceil((Math.max(0.8, 0.15 * deployments.length) * busyMs) / hourMs)
  const deploys = Array.from({ length: count }, (): Mishap[] => {
    const deployment = chance.whole(0, deployments.length - 1)
    // It takes its time: what is begun late is but taken back.
    const atMs = dawnMs + chance.between(0, 0.7 * busyMs)
    const [pauseMs, backMs] = [atMs + chance.between(30_000, 1_200_000), atMs + chance.between(30_000, 3_600_000)]
    const forMs = chance.between(60_000, 1_200_000)
    return [
      { atMs, forMs: 0, kind: 'deploy', deployment, ...drawDeploy(chance) },
      ...(chance.happens(0.3) ? [{ atMs: pauseMs, forMs, kind: 'pause', deployment } as const] : []),
      ...(chance.happens(0.15) ? [{ atMs: backMs, forMs: 0, kind: 'rollback', deployment } as const] : []),
    ]
  })
  const troubles = Array.from({ length: Math.ceil((0.3 * busyMs) / hourMs) }, (): Mishap => {
    const how = chance.pick(['incident', 'incident', 'outage', 'maintenance'] as const)
    return { atMs: dawnMs + chance.between(0, busyMs), forMs: chance.between(60_000, 1_800_000), kind: 'trouble', how }
  })
  return [...deploys.flat(), ...troubles]
    .filter(({ atMs }) => atMs < lastMs)
    .map((each) => ({ ...each, forMs: Math.min(each.forMs, lastMs - each.atMs) }))
}

function drawIll(chance: Chance, atMs: number): Mishap {
  const of = chance.random.unit()
  const draw = chance.whole(0, 9)
  if (draw <= 3) {
    const how = chance.pick(['exit', 'SIGKILL', 'SIGSEGV', 'out-of-memory'] as const)
    return { atMs, forMs: 0, kind: 'dies', of, how }
  }
  if (draw === 4) return { atMs, forMs: chance.between(30_000, 600_000), kind: 'crash-loop', of }
  if (draw <= 6) {
    const forMs = chance.happens(0.4) ? chance.between(20_000, 900_000) : 0
    return { atMs, forMs, kind: 'hangs', of, isWhole: chance.happens(0.5) }
  }
  if (draw === 7) return { atMs, forMs: 0, kind: 'leaks', of, bytesPerHour: chance.between(0.3, 6) * 2 ** 30 }
  return { atMs, forMs: chance.between(5000, 240_000), kind: 'lie', of, how: chance.pick(lies) }
}

function drawOther(chance: Chance, atMs: number, deployments: readonly DeploymentTraits[]): Mishap {
  const deployment = chance.whole(0, deployments.length - 1)
  const forMs = chance.between(5000, 300_000)
  switch (chance.whole(0, 11)) {
    case 0:
      return { atMs, forMs: 0, kind: 'host-dies', of: chance.random.unit(), share: chance.between(0.1, 1) }
    case 1:
    case 2: {
      const { driver } = deployments[deployment] as DeploymentTraits
      return { atMs, forMs, kind: 'driver', driver, how: chance.pick(driverFailures) }
    }
    case 3:
      return { atMs, forMs: 0, kind: 'wall-jump', ms: chance.pick([-1, 1]) * chance.pick([900, 70_000, 5 * hourMs]) }
    case 4:
    case 5:
      return { atMs, forMs: chance.pick([200, 400, 1600, 10_000, 60_000]), kind: 'control-dies' }
    case 6:
      return { atMs, forMs, kind: 'silence' }
    case 7:
      return { atMs, forMs: 3 * forMs, kind: 'burst', deployment, factor: chance.between(1.5, 4) }
    case 8:
    case 9:
      return { atMs, forMs: 4 * forMs, kind: 'config', deployment, change: chance.pick(changes) }
    case 10:
      return { atMs, forMs: 3 * forMs, kind: 'bad-config', deployment, how: chance.pick(badReleases) }
    default:
      return { atMs, forMs, kind: 'dry-run' }
  }
}
