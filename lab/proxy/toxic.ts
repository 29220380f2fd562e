/** What can be wrong with a link, and how it is written down. */

export type Direction = 'up' | 'down' | 'both'

/** `up` is from the client to the server, `down` the answer's way. */
interface Common {
  /** Its handle; made from kind and direction when not given. */
  readonly name: string
  readonly direction: Direction
  /** Share of the connections that have it, 0 to 1, drawn once for each by the proxy's seed. */
  readonly share: number
}

export type Toxic = Common &
  (
    | { readonly kind: 'latency'; readonly ms: number; readonly jitterMs: number }
    | { readonly kind: 'bandwidth'; readonly bytesPerSecond: number }
    /** A lost segment as TCP shows it: with `probability`, a piece and all behind it wait `ms` longer. */
    | { readonly kind: 'loss'; readonly probability: number; readonly ms: number }
    /**
     * Ends the connection after so many bytes in this direction, or so long after its start: by reset, or by a clean
     * end.
     */
    | {
        readonly kind: 'cut'
        readonly afterBytes: number | null
        readonly afterMs: number | null
        readonly how: 'rst' | 'fin'
      }
    /** Takes bytes and ends, and passes nothing on: a half-open connection when in one direction. */
    | { readonly kind: 'swallow' }
    /** Takes nothing any more, so that the sender's buffers fill; passes nothing on, not even ends. */
    | { readonly kind: 'blackhole' }
    /** Pieces of at most `bytes`, `delayMs` between them. */
    | { readonly kind: 'slicer'; readonly bytes: number; readonly delayMs: number }
  )

export const toxicKinds = {
  latency: 'delay of `ms` ± `jitterMs`',
  bandwidth: 'at most `bytesPerSecond`',
  loss: 'with `probability`, a piece and all behind it come `ms` (200) late',
  cut: 'ends the connection after `afterBytes` or `afterMs`, `how`: rst or fin',
  swallow: 'takes everything, passes nothing on',
  blackhole: 'takes nothing, passes nothing on',
  slicer: 'cuts into pieces of at most `bytes` (1), `delayMs` (0) between them',
} as const

/** A toxic as it is ordered: everything but the kind has a default. */
export type ToxicOrder = {
  readonly kind: keyof typeof toxicKinds
  readonly name?: string
  readonly direction?: Direction
} & Readonly<
  Partial<Record<'share' | 'ms' | 'jitterMs' | 'bytesPerSecond' | 'probability' | 'bytes' | 'delayMs', number>>
> & { readonly afterBytes?: number | null; readonly afterMs?: number | null; readonly how?: 'rst' | 'fin' }

const numberFields = [
  'share',
  'ms',
  'jitterMs',
  'bytesPerSecond',
  'probability',
  'bytes',
  'delayMs',
  'afterBytes',
  'afterMs',
] as const

/** Reads an order from JSON. @throws {TypeError} naming the wrong field. */
export function parseToxicOrder(json: unknown): ToxicOrder {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw new TypeError('a toxic is a JSON object')
  const fields = json as Record<string, unknown>
  if (typeof fields.kind !== 'string' || !Object.hasOwn(toxicKinds, fields.kind))
    throw new TypeError(`kind: one of ${Object.keys(toxicKinds).join(', ')}`)
  for (const name of numberFields) {
    const value = fields[name]
    if (value !== undefined && value !== null && !(typeof value === 'number' && value >= 0))
      throw new TypeError(`${name}: a number, 0 or more`)
  }
  if (fields.direction !== undefined && !['up', 'down', 'both'].some((known) => known === fields.direction))
    throw new TypeError('direction: up, down or both')
  if (fields.how !== undefined && fields.how !== 'rst' && fields.how !== 'fin') throw new TypeError('how: rst or fin')
  if (fields.name !== undefined && typeof fields.name !== 'string') throw new TypeError('name: text')
  // Every field that is used has been checked above.
  return fields as unknown as ToxicOrder
}

type Filled = {
  readonly [Kind in Toxic['kind']]: (order: ToxicOrder) => Omit<Extract<Toxic, { kind: Kind }>, keyof Common>
}

const filled: Filled = {
  latency: ({ ms = 100, jitterMs = 0 }) => ({ kind: 'latency', ms, jitterMs }),
  bandwidth: ({ bytesPerSecond = 10_000 }) => ({ kind: 'bandwidth', bytesPerSecond: Math.max(1, bytesPerSecond) }),
  loss: ({ probability = 0.01, ms = 200 }) => ({ kind: 'loss', probability, ms }),
  cut: ({ afterBytes = null, afterMs = afterBytes === null ? 0 : null, how = 'rst' }) => ({
    kind: 'cut',
    afterBytes,
    afterMs,
    how,
  }),
  slicer: ({ bytes = 1, delayMs = 0 }) => ({ kind: 'slicer', bytes: Math.max(1, Math.floor(bytes)), delayMs }),
  swallow: () => ({ kind: 'swallow' }),
  blackhole: () => ({ kind: 'blackhole' }),
}

/** Fills the defaults in. */
export function toToxic(order: ToxicOrder): Toxic {
  const { kind, direction = 'both', name = `${kind}-${direction}`, share = 1 } = order
  return { name, direction, share, ...filled[kind](order) }
}
