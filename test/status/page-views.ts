/** Views as the gateway could tell them: a calm one, one with trouble, one that wants to do harm. */
import { seededRandom } from '../../src/ground/random.ts'
import { impacts, type IncidentUpdate, type Level, type Told } from '../../src/status/incident.ts'
import { titleOf, updateText } from '../../src/status/incident-words.ts'
import type { ComponentView, DayView, IncidentView, StatusView } from '../../src/status/status-view.ts'

export const nowMs = Date.UTC(2026, 10, 28, 18, 20)
const minuteMs = 60_000
const dayMs = 86_400_000

const names = [
  'gpt-oss 120b',
  'Llama 4 Scout',
  'Qwen 3 Coder',
  'Embeddings',
  'Reranking',
  'Speech',
  'Images',
  'Batches',
]

/** Ninety days, of which some were bad; the same for the same seed. */
export function days(seed: number, count = 90, today: Level = 'operational'): DayView[] {
  const random = seededRandom(seed)
  return Array.from({ length: count }, (_, i) => {
    const isToday = i === count - 1
    const luck = random.unit()
    const drawn =
      luck > 0.985
        ? 'major_outage'
        : luck > 0.96
          ? 'partial_outage'
          : luck > 0.92
            ? 'degraded_performance'
            : 'operational'
    const level: Level = isToday ? today : drawn
    const calls = 20_000 + random.bits(14)
    const worst = { operational: 0.0002, degraded_performance: 0.01, partial_outage: 0.04, major_outage: 0.2 }[level]
    return {
      day: new Date(nowMs - (count - 1 - i) * dayMs).toISOString().slice(0, 10),
      level,
      calls,
      badCalls: Math.round(calls * worst),
      partialMinutes: level === 'partial_outage' ? 3 + random.bits(5) : 0,
      majorMinutes: level === 'major_outage' ? 5 + random.bits(6) : 0,
    }
  })
}

export function component(at: number, level: Level = 'operational'): ComponentView {
  const all = days(at + 1, 90, level)
  const [calls, bad] = [all.reduce((sum, day) => sum + day.calls, 0), all.reduce((sum, day) => sum + day.badCalls, 0)]
  const down = all.reduce((sum, day) => sum + day.partialMinutes + day.majorMinutes, 0)
  return {
    id: `component-${at + 1}`,
    name: at < names.length ? (names[at] ?? '') : `Model ${at + 1}`,
    description: at === 0 ? 'Our largest model, for chats and agents.' : '',
    level,
    days: all,
    goodShare: 1 - bad / calls,
    uptimeShare: 1 - down / (90 * 1440),
  }
}

const two = { shown: ['gpt-oss 120b', 'Llama 4 Scout'], more: 0 }

export function told(more: Partial<Told> = {}): Told {
  return {
    ...{ stage: 'investigating', beganMs: nowMs - 42 * minuteMs, atMs: nowMs - 32 * minuteMs, cause: null },
    ...{ names: two, harmed: { shown: ['gpt-oss 120b'], more: 0 }, worst: 'partial_outage', isBack: false },
    ...{ share: 0.346, calls: 1200, badCalls: 415 },
    ...more,
  }
}

/** As the gateway writes it. */
export function written(number: number, facts: Told): IncidentUpdate {
  const { atMs, stage } = facts
  return update(number, { atMs, stage, told: facts, text: updateText(facts) })
}

/** As an operator writes it, or a log without facts has it. */
export function update(number: number, more: Partial<IncidentUpdate> = {}): IncidentUpdate {
  return {
    number,
    atMs: nowMs - 40 * minuteMs + number * 8 * minuteMs,
    stage: 'investigating',
    text: 'Some calls fail.',
    by: 'holdfast',
    levels: { 'component-1': 'partial_outage' },
    corrected: [],
    ...more,
  }
}

export function incident(more: Partial<IncidentView> = {}): IncidentView {
  return {
    id: 'inc-7f3a',
    title: titleOf(told()),
    told: told(),
    stage: 'identified',
    impact: 'major',
    causeClass: 'network',
    beganMs: nowMs - 42 * minuteMs,
    openedMs: nowMs - 41 * minuteMs,
    updatedMs: nowMs - 8 * minuteMs,
    monitoringMs: null,
    resolvedMs: null,
    components: [
      { id: 'component-1', name: 'gpt-oss 120b', level: 'partial_outage' },
      { id: 'component-2', name: 'Llama 4 Scout', level: 'degraded_performance' },
    ],
    updates: [
      written(1, told()),
      written(2, told({ stage: 'identified', atMs: nowMs - 24 * minuteMs, harmed: two, cause: 'network', share: 0.3 })),
      update(3, {
        stage: 'identified',
        by: 'Mara (operations)',
        text: 'Our provider has confirmed a fault of a switch and is replacing it.\n\nCalls to Qwen 3 Coder go another way and are not affected.',
        corrected: [
          {
            atMs: nowMs - 10 * minuteMs,
            by: 'Mara (operations)',
            text: 'Our provider has confirmed a broken cable and is replacing it.',
          },
        ],
      }),
    ],
    badCalls: 1834,
    calls: 6120,
    eta: {
      atMs: nowMs - 8 * minuteMs,
      medianMs: 45 * minuteMs,
      lowMs: 15 * minuteMs,
      highMs: 170 * minuteMs,
      words: 'Probably 15 minutes to 3 hours more, most likely about 45 minutes',
    },
    ...more,
  }
}

function resolved(id: string, name: string, worst: Level, daysAgo: number, minutes: number): IncidentView {
  const beganMs = nowMs - daysAgo * dayMs
  const resolvedMs = beganMs + minutes * minuteMs
  const names = { shown: [name], more: 0 }
  const facts = told({ beganMs, atMs: beganMs + minuteMs, names, harmed: names, worst, share: 0.08 })
  const none = { shown: [], more: 0 }
  const end = { ...facts, stage: 'resolved', atMs: resolvedMs, harmed: none, calls: 5120, badCalls: 412 } as const
  return incident({
    ...{ id, title: titleOf(facts), told: end, stage: 'resolved', impact: impacts[worst], eta: null },
    ...{ beganMs, openedMs: beganMs, updatedMs: resolvedMs, resolvedMs, monitoringMs: resolvedMs - 2 * minuteMs },
    components: [{ id: 'component-2', name, level: 'operational' }],
    updates: [written(1, facts), written(2, end)],
  })
}

const past = [
  resolved('inc-51', 'Llama 4 Scout', 'degraded_performance', 2.3, 14),
  resolved('inc-50', 'Embeddings', 'major_outage', 9.6, 73),
  resolved('inc-44', 'Qwen 3 Coder', 'partial_outage', 37, 22),
  resolved('inc-31', 'Speech', 'degraded_performance', 66, 9),
]

const responseTimes = Array.from({ length: 144 }, (_, i) => {
  const wave = 1 + 0.35 * Math.sin(i / 11) + (i > 138 ? (i - 138) * 0.3 : 0)
  const jitter = seededRandom(i + 7).unit()
  return {
    atMs: nowMs - (143 - i) * 10 * minuteMs,
    medianMs: 310 * wave + 60 * jitter,
    p95Ms: 1150 * wave + 420 * jitter,
  }
})

export function calmView(componentCount = 6): StatusView {
  return {
    page: { id: 'page-1', name: 'Example AI', url: '', timeZone: 'UTC' },
    updatedMs: nowMs,
    level: 'operational',
    components: Array.from({ length: componentCount }, (_, i) => component(i)),
    incidents: past,
    maintenances: [],
    responseTimes,
  }
}

export function troubledView(componentCount = 6): StatusView {
  const calm = calmView(componentCount)
  return {
    ...calm,
    level: 'partial_outage',
    components: calm.components.map((each, i) =>
      i === 0
        ? component(0, 'partial_outage')
        : i === 1
          ? component(1, 'degraded_performance')
          : i === 4
            ? { ...each, level: 'under_maintenance' }
            : each,
    ),
    incidents: [incident(), ...past],
    maintenances: [
      {
        id: 'mnt-1',
        title: 'New driver for the reranking servers',
        text: 'Reranking is not available in this time. Everything else goes on.',
        stage: 'in_progress',
        ...{ fromMs: nowMs - 20 * minuteMs, toMs: nowMs + 40 * minuteMs },
        ...{ announcedMs: nowMs - 3 * dayMs, updatedMs: nowMs - 20 * minuteMs },
        components: [{ id: 'component-5', name: 'Reranking' }],
      },
      {
        id: 'mnt-2',
        title: 'Move to a larger store of answers',
        text: 'Calls may be slower for a few minutes.',
        stage: 'scheduled',
        ...{ fromMs: nowMs + 3.3 * dayMs, toMs: nowMs + 3.3 * dayMs + 90 * minuteMs },
        ...{ announcedMs: nowMs - dayMs, updatedMs: nowMs - dayMs },
        components: [],
      },
    ],
  }
}

/** What somebody would write who wants to break the page, or its readers. */
export const hostile = {
  script: `<script>globalThis.broken = 1</script><img src=x onerror="globalThis.broken = 2">`,
  attribute: `" onmouseover="globalThis.broken=3" x='`,
  turned: '\u202Egnp.exe\u202C \u2067\u2067\u2067 \u200F\u05D0\u05D1',
  pile: `Z${'\u0351'.repeat(500)}algo`,
  odd: 'lone \uD800 surrogate, nul \0, escape \x1b[31m, bell \x07, \uFFFE \u{1F468}\u200D\u{1F469}\u200D\u{1F467}',
  long: 'A very long text without any end. '.repeat(3000),
  unbroken: 'x'.repeat(100_000),
  closing: '</p></main></body></html><!-- --><style>*{display:none}</style>',
} as const

export function hostileView(): StatusView {
  const calm = troubledView(3)
  const texts = Object.values(hostile)
  return {
    ...calm,
    page: { ...calm.page, name: hostile.script, timeZone: 'Not/AZone' },
    components: texts.map((text, i) => ({ ...component(i), id: text, name: text, description: text })),
    incidents: [
      ...texts.map((text, i) =>
        incident({
          id: `${text.slice(0, 20)}${i}`,
          title: text,
          causeClass: text,
          told: told({ names: { shown: [text], more: 3 } }),
          components: texts.map((name) => ({ id: name, name, level: 'major_outage' })),
          updates: texts.map((each, n) =>
            update(n + 1, {
              ...(n > 4 && { told: told({ harmed: { shown: texts, more: Number.NaN }, beganMs: Number.NaN }) }),
              text: each,
              by: text,
              corrected: [{ atMs: Number.NaN, by: text, text: each }],
            }),
          ),
          eta: { atMs: Number.POSITIVE_INFINITY, medianMs: -1, lowMs: Number.NaN, highMs: 1e30, words: text },
        }),
      ),
      ...past,
    ],
    maintenances: texts.map((text, i) => ({
      ...{ id: `${i}`, title: text, text, stage: 'scheduled', fromMs: Number.NaN, toMs: 9e15 },
      ...{ announcedMs: 0, updatedMs: 0, components: [{ id: text, name: text }] },
    })),
    responseTimes: [...calm.responseTimes, { atMs: Number.NaN, medianMs: -5, p95Ms: Number.POSITIVE_INFINITY }],
  }
}

/** The same story, told as of another moment: whoever looks at it with a clock takes it for new. */
export function asOf(view: StatusView, atMs: number): StatusView {
  const byMs = atMs - view.updatedMs
  const moved = (value: unknown, key: string): unknown => {
    if (typeof value === 'number') return key.endsWith('Ms') && value > 1e12 ? value + byMs : value
    if (Array.isArray(value)) return value.map((each) => moved(each, ''))
    if (key === 'day') return new Date(Date.parse(String(value)) + byMs).toISOString().slice(0, 10)
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, moved(each, name)]))
  }
  return moved(view, '') as StatusView
}
