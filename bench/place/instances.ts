/** Problems of placement made up by seed: hosts of a few kinds in a few domains, models of several sizes. */
import { seededRandom } from '../../src/ground/random.ts'
import { type Affinity, type Host, makeProblem, type Problem, type Replica } from '../../src/control/place/problem.ts'

const gib = 2 ** 30

export interface Size {
  readonly replicas: number
  readonly hosts: number
  /** Part of the memory of all hosts that is asked for, at most; default 0.55. */
  readonly fill?: number
}

/**
 * About half of the replicas stand somewhere already. Never one without an answer: each host’s share is laid out
 * first.
 */
export function makeInstance({ replicas: count, hosts: hostCount, fill = 0.55 }: Size, seed: number): Problem {
  const random = seededRandom(seed)
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random.unit() * list.length)] as T
  const domains = Array.from({ length: Math.max(2, Math.min(5, Math.ceil(hostCount / 3))) }, (_, i) => `zone-${i + 1}`)
  const perHost = Math.max(1, Math.ceil(count / hostCount))
  const shapes = [
    { gpus: 2 * perHost, gib: 48 * perHost, price: 1.6 * perHost },
    { gpus: 4 * perHost, gib: 80 * perHost, price: 2.5 * perHost },
    { gpus: 4 * perHost, gib: 96 * perHost, price: 3.3 * perHost },
  ]
  const hosts = Array.from({ length: hostCount }, (_, h): Host => {
    const shape = pick(shapes)
    const domain = domains[h % domains.length] ?? 'zone-1'
    return { name: `host-${h + 1}`, memoryBytes: shape.gib * gib, gpus: shape.gpus, domain, price: shape.price }
  })
  const affinities: Affinity[] = [
    { name: 'rag', kind: 'together', within: 'domain', cost: 0.05 },
    { name: 'noisy', kind: 'apart', within: 'host', cost: 0.4 },
  ]
  const models = Array.from({ length: Math.max(2, Math.min(24, Math.ceil(count / 6))) }, (_, m) => {
    const names = m % 5 === 0 ? ['rag'] : m % 7 === 3 ? ['noisy'] : []
    return { model: `model-${m + 1}`, gib: pick([10, 14, 18, 24, 30, 40]), gpus: pick([0, 1, 1, 2]), names }
  })
  const replicas: Replica[] = []
  const free = hosts.map(({ memoryBytes, gpus }) => ({ memoryBytes: memoryBytes * fill, gpus }))
  for (let r = 0; r < count; r++) {
    const { model, gpus, names, ...size } = pick(models)
    const order = hosts.map((_, h) => h).sort(() => random.unit() - 0.5)
    let memoryBytes = size.gib * gib
    let gpuCount = gpus
    let at = order.find((h) => (free[h]?.memoryBytes ?? 0) >= memoryBytes && (free[h]?.gpus ?? 0) >= gpuCount)
    if (at === undefined) {
      // Little room is left: a small one in its place.
      at = order.reduce((a, b) => ((free[b]?.memoryBytes ?? 0) > (free[a]?.memoryBytes ?? 0) ? b : a))
      memoryBytes = Math.floor(Math.min(memoryBytes, (free[at]?.memoryBytes ?? 0) / 2) / gib) * gib
      gpuCount = 0
    }
    const room = free[at]
    if (room) [room.memoryBytes, room.gpus] = [room.memoryBytes - memoryBytes, room.gpus - gpuCount]
    const presentHost = random.unit() < 0.5 ? (hosts[at]?.name ?? null) : null
    const name = `r-${r + 1}`
    replicas.push({ name, model, memoryBytes, gpus: gpuCount, affinities: names, presentHost, moveCost: 0.2 })
  }
  return makeProblem({ hosts, replicas, affinities, spreadCost: count > 100 ? 0.01 : 0.3 })
}
