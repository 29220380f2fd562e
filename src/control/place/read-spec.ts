/** From the file of `holdfast place` to the question, or to all that is wrong with it, with place and cure. */
import { ConfigError, type Problem as Wrong } from '../../ground/config-error.ts'
import { nearestName } from '../../ground/name.ts'
import { z } from '../../ground/schema.ts'
import { impossibilities } from './impossible.ts'
import { type PlaceSpec, placeSchema } from './place-spec.ts'
import type { Host, Question, Replica } from './problem.ts'

/** Where a value stands in its file. */
export type Locate = (path: readonly PropertyKey[]) => string

const hostsMax = 1000
const replicasMax = 10_000
const mebibyte = 2 ** 20

/** @throws {ConfigError} with every problem that was found. */
export function readSpec(input: unknown, locate: Locate): Question {
  const result = placeSchema.safeParse(input)
  if (!result.success) throw new ConfigError(result.error.issues.flatMap((issue) => wrongsOf(issue, locate)))
  const reader = new Reader(result.data, locate)
  const question = reader.read()
  if (reader.wrongs.length > 0) throw new ConfigError(reader.wrongs)
  const impossible = impossibilities(question).map(({ message, cure }) => {
    return { place: locate(['replicas']), field: 'replicas', message, cure }
  })
  if (impossible.length > 0) throw new ConfigError(impossible)
  return question
}

class Reader {
  readonly #spec: PlaceSpec
  readonly #locate: Locate
  readonly wrongs: Wrong[] = []

  constructor(spec: PlaceSpec, locate: Locate) {
    this.#spec = spec
    this.#locate = locate
  }

  read(): Question {
    const { affinities, costs } = this.#spec
    const hosts = this.#spec.hosts.flatMap((each) => expandHost(each))
    const hostNames = new Set(hosts.map(({ name }) => name))
    const replicas = this.#spec.replicas.flatMap((each, i) => this.#expandReplica(each, i, hostNames))
    this.#checkNames('hosts', this.#spec.hosts)
    this.#checkNames('replicas', this.#spec.replicas)
    this.#checkCount('hosts', hosts.length, hostsMax)
    this.#checkCount('replicas', replicas.length, replicasMax)
    const named = Object.entries(affinities).map(([name, affinity]) => ({ name, ...affinity }))
    return { hosts, replicas, affinities: named, spreadCost: costs.spread }
  }

  #expandReplica(entry: PlaceSpec['replicas'][number], i: number, hostNames: ReadonlySet<string>): Replica[] {
    const { model = entry.name, gpus, affinity, on, move = this.#spec.costs.move } = entry
    const names = namesOf(entry)
    const known = Object.keys(this.#spec.affinities)
    affinity.forEach((name, j) => {
      if (!known.includes(name)) this.#miss(['replicas', i, 'affinity', j], 'affinity', name, known)
    })
    const present = typeof on === 'string' ? names.map(() => on) : (on ?? [])
    present.forEach((host, j) => {
      const path = ['replicas', i, 'on', ...(typeof on === 'string' ? [] : [j])]
      const isRepeated = typeof on === 'string' && j > 0
      if (!hostNames.has(host) && !isRepeated) this.#miss(path, 'host', host, [...hostNames])
    })
    if (present.length > names.length) {
      const message = `${present.length} hosts for ${names.length} ${names.length === 1 ? 'replica' : 'replicas'}`
      this.#tell(['replicas', i, 'on'], message, 'Name one for each replica at most, or raise `count`.')
    }
    return names.map((name, j) => ({
      name,
      model,
      memoryBytes: Math.ceil(entry.memory / mebibyte) * mebibyte,
      gpus,
      affinities: affinity,
      presentHost: present[j] ?? null,
      moveCost: move,
    }))
  }

  #checkNames(what: 'hosts' | 'replicas', entries: readonly { name: string; count?: number | undefined }[]): void {
    const seen = new Set<string>()
    entries.forEach((entry, i) => {
      const twice = namesOf(entry).find((name) => seen.has(name))
      for (const name of namesOf(entry)) seen.add(name)
      if (twice !== undefined)
        this.#tell([what, i, 'name'], `two ${what} are named ${twice}`, 'Give each its own name, or use `count`.')
    })
  }

  #checkCount(what: string, count: number, max: number): void {
    if (count <= max) return
    const cure = 'Plan by parts: what shares no host need not be in one plan.'
    this.#tell([what], `${count.toLocaleString('en-US')} in all, at most ${max.toLocaleString('en-US')}`, cure)
  }

  #miss(path: PropertyKey[], what: string, wanted: string, known: readonly string[]): void {
    const near = nearestName(wanted, known)
    const add =
      what === 'host' ? 'Add it under `hosts`, or leave `on` out where the host is gone.' : 'Add it under `affinities`.'
    const some = known.length > 8 ? `${known.slice(0, 8).join(', ')}, …` : known.join(', ')
    const cure = near ? `Did you mean \`${near}\`?` : known.length > 0 ? `${add} There are: ${some}.` : add
    this.#tell(path, `there is no ${what} named ${JSON.stringify(wanted)}`, cure)
  }

  #tell(path: readonly PropertyKey[], message: string, cure: string): void {
    this.wrongs.push({ place: this.#locate(path), field: path.join('.'), message, cure })
  }
}

function expandHost(entry: PlaceSpec['hosts'][number]): Host[] {
  const { gpus, domain, price } = entry
  // Whole MiB, hosts rounded down and replicas up: numbers of a size that every solver takes exactly.
  const memoryBytes = Math.floor(entry.memory / mebibyte) * mebibyte
  return namesOf(entry).map((name) => ({ name, memoryBytes, gpus, domain: domain ?? name, price }))
}

function namesOf({ name, count }: { name: string; count?: number | undefined }): string[] {
  return count === undefined ? [name] : Array.from({ length: count }, (_, i) => `${name}-${i + 1}`)
}

type Issue = z.core.$ZodIssue

function wrongsOf(issue: Issue, locate: Locate): Wrong[] {
  if (issue.code === 'invalid_union') {
    const inner = issue.errors.find((each) => each.some(({ code }) => code !== 'invalid_type')) ?? issue.errors[0]
    if (inner?.length)
      return inner.flatMap((each) => wrongsOf({ ...each, path: [...issue.path, ...each.path] }, locate))
  }
  const node = nodeAt(issue.path)
  if (issue.code === 'unrecognized_keys') {
    const known = Object.keys(node?.properties ?? {})
    return issue.keys.map((key) => {
      const near = nearestName(key, known)
      const cure = near ? `Did you mean \`${near}\`?` : `Known here are: ${known.join(', ')}.`
      const path = [...issue.path, key]
      return { place: locate(path), field: path.join('.'), message: 'unknown key', cure }
    })
  }
  const cure = node?.description ? `What it is: ${node.description}` : 'See docs/guide/placement.md.'
  const message = issue.message.replace(/^Invalid input: /, '')
  return [{ place: locate(issue.path), field: issue.path.join('.'), message, cure }]
}

interface Node {
  readonly properties?: Readonly<Record<string, Node>>
  readonly additionalProperties?: Node | boolean
  readonly items?: Node
  readonly description?: string
}

function nodeAt(path: readonly PropertyKey[]): Node | undefined {
  let node: Node | undefined = z.toJSONSchema(placeSchema, { io: 'input' }) as Node
  for (const part of path) {
    const here: Node = node ?? {}
    const { properties, additionalProperties, items, description } = here
    const named: Node | undefined =
      properties?.[String(part)] ?? (typeof additionalProperties === 'object' ? additionalProperties : undefined)
    // An item of a list says what the list is.
    node = typeof part === 'number' ? items && { ...(description && { description }), ...items } : named
  }
  return node
}
