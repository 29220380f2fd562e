/**
 * From what is wished and what is there to what is done next; pure. A newcomer is admitted before its predecessor goes,
 * and nothing that serves goes before as many others serve as are wished: where newcomers never become ready, all stays
 * as it is.
 */
import type { Plan, ReleasePlan } from './plan.ts'

export interface ReplicaState {
  readonly name: string
  readonly deployment: string
  readonly release: string
  readonly phase: 'starting' | 'running' | 'stopping' | 'gone'
  readonly isReady: boolean
  /** Whether calls go to it: a member, one that is to go, or none. */
  readonly membership: 'out' | 'in' | 'draining'
  /** Its share of the calls that go to the pool, and with whom it has it, as last told. */
  readonly weight: number
  readonly cohort: string | null
  /** Calls that it has in hand. */
  readonly calls: number
  /** Since it gets no new calls; 0 while it does. */
  readonly drainedMs: number
  /** Something is being done to it that is not over. */
  readonly isBusy: boolean
}

/**
 * What is known of a replica beside that. `replace`: another takes its place before it goes; `restart`: it serves
 * nothing, and goes at once, for another could not be started beside it.
 */
export type Mark = 'replace' | 'restart'

export interface ReconcileFacts {
  readonly plan: Plan
  readonly seen: readonly ReplicaState[]
  readonly marks: ReadonlyMap<string, Mark>
  /** Names that may not be started yet: they died, and died again. */
  readonly isResting: (name: string) => boolean
  readonly weightOf: (deployment: string) => number
  readonly drainMs: (deployment: string) => number
  /** Starts, drains and stops that may be begun now. */
  readonly actionsMax: number
}

/** How many of the new calls it gets: its cohort is drawn first, by what all in it weigh together. */
interface Standing {
  readonly weight: number
  /** Null where one release has all calls. */
  readonly cohort: string | null
}

export type Action =
  | { readonly kind: 'start'; readonly name: string; readonly deployment: string; readonly release: string }
  | ({ readonly kind: 'admit'; readonly name: string } & Standing)
  | ({ readonly kind: 'weigh'; readonly name: string } & Standing)
  | { readonly kind: 'drain'; readonly name: string; readonly why: string }
  | { readonly kind: 'stop'; readonly name: string; readonly why: string }

/** A drained one may be sent the last calls that were chosen for it a moment before. */
const drainedMsMin = 1500

export function reconcile(facts: ReconcileFacts): Action[] {
  const byDeployment = new Map<string, ReplicaState[]>()
  for (const name of facts.plan.keys()) byDeployment.set(name, [])
  for (const replica of facts.seen) addTo(byDeployment, replica.deployment, replica)
  const free: Action[] = []
  const costly: Action[] = []
  for (const [name, own] of byDeployment)
    for (const action of new Reconciler(name, own, facts).actions())
      (action.kind === 'admit' || action.kind === 'weigh' ? free : costly).push(action)
  return [...free, ...costly.slice(0, Math.max(0, facts.actionsMax))]
}

/** Of one deployment. A look at a thousand replicas takes well below a millisecond: more is done on demand. */
class Reconciler {
  #name: string
  #facts: ReconcileFacts
  #releases: readonly ReleasePlan[]
  #own: readonly ReplicaState[]
  #byRelease = new Map<string, ReplicaState[]>()
  /** Those that are wished and live, by release; the first ones of each. */
  #kept = new Set<ReplicaState>()
  /** Of these: those that were to go, and stay after all. */
  #recalled = new Set<ReplicaState>()
  /** Names that are to be started, now or once they have rested. */
  #awaited = new Set<string>()

  constructor(name: string, own: readonly ReplicaState[], facts: ReconcileFacts) {
    this.#name = name
    this.#facts = facts
    this.#releases = facts.plan.get(name)?.releases ?? []
    this.#own = own
    for (const replica of own) addTo(this.#byRelease, replica.release, replica)
  }

  actions(): Action[] {
    const starts = this.#releases.flatMap((each) => this.#startsOf(each))
    return [...this.#admissions(), ...starts, ...this.#drains(), ...this.#stops()]
  }

  #isMarked({ name }: ReplicaState): boolean {
    return this.#facts.marks.has(name)
  }

  /** Keeps so many of a release as are wished, and starts what is missing. */
  #startsOf(plan: ReleasePlan): Action[] {
    const { release, replicas } = plan
    const own = (this.#byRelease.get(release) ?? []).filter((each) => !this.#isMarked(each))
    const alive = own.filter(isIdle(plan) ? isUp : isLive)
    const kept = alive.length <= replicas ? alive : alive.toSorted(byWorth).slice(0, replicas)
    for (const each of kept) this.#kept.add(each)
    if (alive.length >= replicas) return []
    const recalled = own.filter(mayStay).slice(0, isIdle(plan) ? 0 : replicas - alive.length)
    for (const each of recalled) {
      this.#kept.add(each)
      this.#recalled.add(each)
    }
    const missing = replicas - alive.length - recalled.length
    return missing > 0 ? this.#missing(release, missing, replicas) : []
  }

  #missing(release: string, count: number, replicas: number): Action[] {
    const { marks, isResting } = this.#facts
    const byName = new Map(this.#own.map((each) => [each.name, each]))
    const starts: Action[] = []
    // Names that rest take a place each: else others would be started in their stead, as fast as they die.
    for (let n = 1, left = count; left > 0 && n <= this.#own.length + replicas + marks.size + 1; n++) {
      const name = `${this.#name}-${release}-${n}`
      const before = byName.get(name)
      if ((before && before.phase !== 'gone') || marks.has(name)) continue
      left--
      this.#awaited.add(name)
      if (!before?.isBusy && !isResting(name)) starts.push({ kind: 'start', name, deployment: this.#name, release })
    }
    return starts
  }

  #admissions(): Action[] {
    return this.#releases.flatMap((plan): Action[] => {
      if (isIdle(plan)) return []
      const ready = (this.#byRelease.get(plan.release) ?? []).filter(
        (each) => (isLive(each) || this.#recalled.has(each)) && each.isReady && !this.#isMarked(each),
      )
      const control = this.#controlAmong(plan, ready)
      const standings = this.#standings(plan, ready.length - (control ? 1 : 0))
      return ready.flatMap((each): Action[] => {
        const { name, membership, weight, cohort } = each
        const standing = each === control ? standings.control : standings.usual
        if (membership !== 'in') return [{ kind: 'admit', name, ...standing }]
        const isSame = Math.abs(weight - standing.weight) < 1e-9 && cohort === standing.cohort
        return isSame ? [] : [{ kind: 'weigh', name, ...standing }]
      })
    })
  }

  /** One release alone has its usual weight; several have their shares of what they would have together. */
  #standings({ release, share }: ReleasePlan, count: number): Readonly<Record<'usual' | 'control', Standing>> {
    const usual = this.#facts.weightOf(this.#name)
    const busy = this.#releases.filter((each) => !isIdle(each))
    if (busy.length < 2) return { usual: { weight: usual, cohort: null }, control: { weight: usual, cohort: null } }
    const all = usual * busy.reduce((sum, { replicas }) => sum + replicas, 0)
    const controlShare = release === this.#releases[0]?.release ? this.#controlShare : 0
    return {
      usual: { weight: ((share - controlShare) * all) / Math.max(1, count), cohort: `${this.#name}/${release}` },
      control: { weight: controlShare * all, cohort: `${this.#name}/${release}/control` },
    }
  }

  get #controlShare(): number {
    return this.#facts.plan.get(this.#name)?.controlShare ?? 0
  }

  /** The same one, as long as it is there. */
  #controlAmong({ release }: ReleasePlan, ready: readonly ReplicaState[]): ReplicaState | null {
    if (this.#controlShare === 0 || release !== this.#releases[0]?.release || ready.length < 2) return null
    return ready.reduce((first, each) => (each.name < first.name ? each : first))
  }

  /** What is not wished goes, as long as enough serve without it. */
  #drains(): Action[] {
    const idle = new Set(this.#releases.filter(isIdle).map(({ release }) => release))
    const going = this.#own.filter(
      (each) => each.membership === 'in' && (idle.has(each.release) || !this.#kept.has(each)),
    )
    if (going.length === 0) return []
    const wished = this.#releases.reduce((sum, each) => sum + (isIdle(each) ? 0 : each.replicas), 0)
    const counts = (each: ReplicaState): boolean => isServing(each) && this.#facts.marks.get(each.name) !== 'restart'
    let serving = this.#own.filter(counts).length
    return going
      .toSorted((a, b) => Number(counts(a)) - Number(counts(b)))
      .flatMap((each): Action[] => {
        if (counts(each)) {
          if (serving - 1 < wished) return []
          serving--
        } else if (each.phase === 'gone' && this.#awaited.has(each.name)) return [] // it is started anew in its place
        return [{ kind: 'drain', name: each.name, why: this.#why(each) }]
      })
  }

  #stops(): Action[] {
    return this.#own.flatMap((each): Action[] => {
      if (each.isBusy || each.membership === 'in' || this.#kept.has(each)) return []
      const why = this.#why(each)
      if (each.membership === 'draining') {
        const isDone = each.phase === 'gone' || (each.calls === 0 && each.drainedMs >= drainedMsMin)
        const isOver = each.drainedMs >= this.#facts.drainMs(this.#name)
        return isDone || isOver ? [{ kind: 'stop', name: each.name, why }] : []
      }
      // A dead one that is wished is told of until it is started again.
      if (each.phase === 'gone') return this.#awaited.has(each.name) ? [] : [{ kind: 'stop', name: each.name, why }]
      return each.phase === 'stopping' ? [] : [{ kind: 'stop', name: each.name, why }]
    })
  }

  #why({ name, release }: ReplicaState): string {
    const mark = this.#facts.marks.get(name)
    if (mark) return mark
    if (this.#releases.length === 0) return 'the deployment is no more'
    const plan = this.#releases.find((each) => each.release === release)
    if (!plan) return 'another release is wished'
    return isIdle(plan) ? 'its release has no calls now' : 'fewer are wished'
  }
}

const isIdle = ({ share }: ReleasePlan): boolean => share <= 0

function isUp({ phase }: ReplicaState): boolean {
  return phase === 'starting' || phase === 'running'
}

function isLive(replica: ReplicaState): boolean {
  return isUp(replica) && replica.membership !== 'draining'
}

/** One that was to go serves sooner than one that would have to be started. */
function mayStay({ phase, membership, isReady, isBusy }: ReplicaState): boolean {
  return membership === 'draining' && phase === 'running' && isReady && !isBusy
}

function isServing(replica: ReplicaState): boolean {
  return isLive(replica) && replica.isReady && replica.membership === 'in'
}

/** Of those that serve alike the busiest stay: the fewest answers move. */
function byWorth(a: ReplicaState, b: ReplicaState): number {
  return rank(b) - rank(a) || b.calls - a.calls || (a.name < b.name ? -1 : 1)
}

/** Those that serve are kept before those that are on their way. */
function rank(replica: ReplicaState): number {
  return (isServing(replica) ? 4 : 0) + (replica.isReady ? 2 : 0) + (replica.phase === 'running' ? 1 : 0)
}

function addTo(map: Map<string, ReplicaState[]>, key: string, replica: ReplicaState): void {
  const list = map.get(key)
  if (list) list.push(replica)
  else map.set(key, [replica])
}
