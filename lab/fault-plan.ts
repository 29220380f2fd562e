/**
 * Faults on command: what a lab server does wrong, to which calls, how often. Drawn by seed, so that a run can be
 * repeated.
 */
import { nearestName } from '../src/ground/name.ts'
import { seededRandom, type Random } from '../src/ground/random.ts'
import { routePaths } from './profile.ts'

/**
 * Every fault a lab server knows. `when`: at the order itself, before the head of an answer, in its body, or in the
 * engine.
 */
export const faultKinds = {
  refuse: { when: 'order', says: 'stops listening for `ms` (1000), existing idle connections are closed' },
  deadlock: {
    when: 'order',
    says: 'the engine makes no step for `ms` (until the order is taken back); /health stays 200',
  },
  reset: { when: 'head', says: 'resets the connection before the head' },
  hang: { when: 'head', says: 'takes the call and never answers' },
  'stalled-head': { when: 'head', says: 'sends half a head, then nothing' },
  garbage: { when: 'head', says: 'answers with bytes that are not HTTP, and closes' },
  '429': { when: 'head', says: 'too many requests; Retry-After from `retryAfterMs` (1000)' },
  '500': { when: 'head', says: 'internal error in the profile’s shape' },
  '503': { when: 'head', says: 'overloaded (529 for anthropic), with Retry-After if `retryAfterMs` is given' },
  '502-html': { when: 'head', says: 'the error page of a proxy in front' },
  'context-length': { when: 'head', says: 'refuses the prompt as too long for the context' },
  'empty-200': { when: 'head', says: 'status 200, no body' },
  'bad-json-200': { when: 'head', says: 'status 200, a body that is called JSON and is not' },
  stall: { when: 'body', says: 'falls silent after `afterTokens`, connection open' },
  cut: { when: 'body', says: 'resets the connection after `afterTokens`' },
  truncate: { when: 'body', says: 'ends cleanly after `afterTokens`, without finish_reason' },
  'no-done': { when: 'body', says: 'the whole answer without [DONE]; stays open with `keepOpen`' },
  'malformed-chunk': { when: 'body', says: 'one broken event after `afterTokens`, then goes on' },
  'error-event': { when: 'body', says: 'an error event after `afterTokens`, then ends' },
  slow: { when: 'engine', says: 'generates `factor` (10) times slower' },
  'slow-first-token': { when: 'engine', says: 'holds the first token back for `ms` (1000)' },
  leak: { when: 'engine', says: 'keeps `bytes` (1 MiB) of memory for every call, up to 1 GiB' },
  'crash-on-poison': {
    when: 'engine',
    says: 'the process dies (exit 134) when the prompt contains `match.promptContains` (POISON)',
  },
} as const satisfies Record<string, { when: 'order' | 'head' | 'body' | 'engine'; says: string }>

export type FaultKind = keyof typeof faultKinds

export interface FaultOrder {
  readonly kind: FaultKind
  /** How many calls it strikes before it is used up; all when absent. */
  readonly count?: number
  /** Share of the matching calls that are struck, 0 to 1; 1 when absent. */
  readonly probability?: number
  /** For the draws of `probability`; 1 when absent. */
  readonly seed?: number
  /**
   * `route`: a route's name, or `*`; when absent all that generate, and embeddings. `promptContains`: in the body or
   * the decoded prompt.
   */
  readonly match?: { readonly promptContains?: string; readonly route?: string }
  /** For faults in the body: tokens sent before it strikes; 3 when absent. */
  readonly afterTokens?: number
  readonly ms?: number
  readonly retryAfterMs?: number
  readonly factor?: number
  readonly bytes?: number
  readonly keepOpen?: boolean
}

/** An order as it stands now. */
export interface StandingOrder extends FaultOrder {
  readonly id: number
  /** Calls struck so far. */
  readonly struck: number
}

/** Most orders that can stand at once. */
export const ordersMax = 256

const generatingRoutes = new Set(['chat', 'completions', 'embeddings', 'responses', 'messages'])

interface Entry {
  readonly id: number
  readonly order: FaultOrder
  readonly random: Random
  struck: number
}

export class FaultPlan {
  #entries: Entry[] = []
  #nextId = 1

  /** Gives an order; its id. @throws {RangeError} when too many stand already. */
  add(order: FaultOrder): number {
    if (this.#entries.length >= ordersMax) throw new RangeError(`at most ${ordersMax} faults can be ordered at once`)
    const id = this.#nextId++
    const match = order.kind === 'crash-on-poison' ? { promptContains: 'POISON', ...order.match } : order.match
    this.#entries.push({
      id,
      order: match ? { ...order, match } : order,
      random: seededRandom(order.seed ?? 1),
      struck: 0,
    })
    return id
  }

  remove(id: number): boolean {
    const before = this.#entries.length
    this.#entries = this.#entries.filter((entry) => entry.id !== id)
    return this.#entries.length < before
  }

  clear(): void {
    this.#entries = []
  }

  list(): StandingOrder[] {
    return this.#entries.map(({ id, order, struck }) => ({ id, ...order, struck }))
  }

  /**
   * What strikes this call: at most one fault of the head or the body, and any number in the engine. `promptText` is
   * asked only when needed.
   */
  strike(route: string, promptText: () => string): FaultOrder[] {
    const struck: FaultOrder[] = []
    let isAnswerStruck = false
    for (const entry of this.#entries) {
      const { when } = faultKinds[entry.order.kind]
      const isAnswerFault = when === 'head' || when === 'body'
      if (when === 'order' || (isAnswerFault && isAnswerStruck) || !this.#hits(entry, route, promptText)) continue
      isAnswerStruck ||= isAnswerFault
      struck.push(entry.order)
      entry.struck++
      if (entry.struck >= (entry.order.count ?? Infinity)) this.remove(entry.id)
    }
    return struck
  }

  #hits({ order, random }: Entry, route: string, promptText: () => string): boolean {
    const wanted = order.match?.route
    if (wanted === undefined ? !generatingRoutes.has(route) : wanted !== '*' && wanted !== route) return false
    if (order.match?.promptContains !== undefined && !promptText().includes(order.match.promptContains)) return false
    return order.probability === undefined || random.unit() < order.probability
  }
}

const numberFields = ['count', 'probability', 'seed', 'afterTokens', 'ms', 'retryAfterMs', 'factor', 'bytes']
const orderFields = ['kind', 'match', 'keepOpen', ...numberFields]

function checkMatch(match: object): void {
  for (const [name, value] of Object.entries(match)) {
    if (name !== 'promptContains' && name !== 'route')
      throw new TypeError(`match.${name}: there are promptContains and route`)
    if (typeof value !== 'string') throw new TypeError(`match.${name}: text`)
    if (name === 'route' && value !== '*' && !Object.hasOwn(routePaths, value))
      throw new TypeError(`match.route: * or one of ${Object.keys(routePaths).join(', ')}`)
  }
}

/**
 * Reads an order from JSON. What is not understood is refused: a fault that never strikes makes a test that never
 * fails. @throws {TypeError} naming the wrong field.
 */
export function parseFaultOrder(json: unknown): FaultOrder {
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw new TypeError('a fault order is a JSON object')
  const fields = json as Record<string, unknown>
  if (typeof fields.kind !== 'string' || !Object.hasOwn(faultKinds, fields.kind)) {
    throw new TypeError(`kind: one of ${Object.keys(faultKinds).join(', ')}`)
  }
  for (const name of Object.keys(fields)) {
    if (orderFields.includes(name)) continue
    const near = nearestName(name, orderFields)
    throw new TypeError(`${name}: there is no such field${near === null ? '' : `; did you mean ${near}?`}`)
  }
  for (const name of numberFields) {
    const value = fields[name]
    if (value !== undefined && !(typeof value === 'number' && Number.isFinite(value) && value >= 0))
      throw new TypeError(`${name}: a number, 0 or more`)
  }
  const { match, count, keepOpen } = fields
  if (count !== undefined && (!Number.isInteger(count) || count === 0))
    throw new TypeError('count: a whole number, 1 or more')
  if (keepOpen !== undefined && typeof keepOpen !== 'boolean') throw new TypeError('keepOpen: true or false')
  if (match !== undefined && (typeof match !== 'object' || match === null)) throw new TypeError('match: an object')
  checkMatch(match ?? {})
  // Every field that is used has been checked above.
  return fields as unknown as FaultOrder
}
