/** The dashboard for Grafana, printed from this table: `deploy/grafana/holdfast.json`. */
import { type FaultCode, faultKind, faultKinds } from '../src/fault/code.ts'

export interface Panel {
  readonly title: string
  readonly about: string
  /** Grafana's name of it. */
  readonly unit: string
  readonly kind?: 'stat' | 'timeseries' | 'bargauge'
  /** Of 24. */
  readonly width: number
  readonly queries: readonly (readonly [expression: string, legend: string])[]
  /** Shows the calls that stand for the buckets. */
  readonly hasExemplars?: boolean
}

export interface Row {
  readonly title: string
  readonly panels: readonly Panel[]
}

/** Grafana puts in the range of a rate, and what was chosen at the top of the page. */
const range = '[$__rate_interval]'
const of = '{job=~"$job"}'
const where = (more: string): string => `{job=~"$job",${more}}`
const rate = (name: string, filter = of): string => `rate(${name}${filter}${range})`
/** Faults that are the caller's own. */
const callersOwn = (Object.keys(faultKinds) as FaultCode[])
  .filter((code) => faultKind(code).source === 'client')
  .join('|')

function quantiles(histogram: string): Panel['queries'] {
  return [0.5, 0.95, 0.99].map((q) => {
    return [`histogram_quantile(${q}, sum by (le) (${rate(`${histogram}_bucket`)}))`, `p${q * 100}`]
  })
}

export const rows: readonly Row[] = [
  {
    title: 'What callers see',
    panels: [
      {
        title: 'Answered',
        about: 'Of the calls that were not the caller’s own mistake: those that came to their end.',
        unit: 'percentunit',
        kind: 'stat',
        width: 6,
        queries: [
          [
            `sum(${rate('holdfast_calls_total', where('outcome="complete"'))}) / sum(${rate('holdfast_calls_total', where(`outcome!="cancelled",code!~"${callersOwn}"`))})`,
            'answered',
          ],
        ],
      },
      {
        title: 'Calls',
        about: 'Settled calls a second, by how they ended.',
        unit: 'reqps',
        width: 9,
        queries: [[`sum by (outcome) (${rate('holdfast_calls_total')})`, '{{outcome}}']],
      },
      {
        title: 'Failures by cause',
        about: 'Calls a second that failed, by fault; see docs/reference/faults.md.',
        unit: 'reqps',
        width: 9,
        queries: [[`sum by (code) (${rate('holdfast_calls_total', where('outcome="failed"'))})`, '{{code}}']],
      },
      {
        title: 'Time to the first token',
        about: 'Of streamed answers. Points are calls; each names its ray.',
        unit: 's',
        width: 8,
        queries: quantiles('holdfast_first_token_seconds'),
        hasExemplars: true,
      },
      {
        title: 'Time to the end',
        about: 'Of all answers. Points are calls; each names its ray.',
        unit: 's',
        width: 8,
        queries: quantiles('holdfast_call_duration_seconds'),
        hasExemplars: true,
      },
      {
        title: 'Tokens',
        about: 'A second, as the upstreams counted them.',
        unit: 'short',
        width: 8,
        queries: [[`sum by (direction) (${rate('holdfast_tokens_total')})`, '{{direction}}']],
      },
    ],
  },
  {
    title: 'The gateway itself',
    panels: [
      {
        title: 'Its own part in the time to an answer',
        about: 'Without the line and without the time that upstreams had the call.',
        unit: 's',
        width: 8,
        queries: quantiles('holdfast_overhead_seconds'),
        hasExemplars: true,
      },
      {
        title: 'Calls under way',
        about: 'In all workers.',
        unit: 'short',
        width: 8,
        queries: [[`sum(holdfast_calls_live${of})`, 'under way']],
      },
      {
        title: 'Pressure',
        about: 'Share that is used of each resource; measures begin at 0.75.',
        unit: 'percentunit',
        width: 8,
        queries: [
          [`max by (resource) (holdfast_pressure${of})`, '{{resource}}'],
          [`max(holdfast_pressure_rung${of}) / 4`, 'measures'],
        ],
      },
      {
        title: 'CPU',
        about: 'Cores that are busy, all processes together.',
        unit: 'short',
        width: 8,
        queries: [[`sum(${rate('process_cpu_seconds_total')})`, 'cores']],
      },
      {
        title: 'Memory',
        about: 'Resident, all processes together; answers in the journal.',
        unit: 'bytes',
        width: 8,
        queries: [
          [`sum(process_resident_memory_bytes${of})`, 'resident'],
          [`max(holdfast_journal_bytes${of})`, 'journal'],
        ],
      },
      {
        title: 'Silent workers, lost telemetry',
        about: 'Workers that do not answer, and spans or metrics that their receiver did not get.',
        unit: 'short',
        width: 8,
        queries: [
          [`max(holdfast_workers_silent${of})`, 'silent workers'],
          [
            `sum by (signal) (${rate('holdfast_otlp_items_total', where('outcome!="sent"'))})`,
            '{{signal}} lost a second',
          ],
        ],
      },
    ],
  },
  {
    title: 'The line',
    panels: [
      {
        title: 'Waiting',
        about: 'Calls that wait for a place, by pool and tier.',
        unit: 'short',
        width: 8,
        queries: [[`sum by (pool, tier) (holdfast_line_calls${of})`, '{{pool}} {{tier}}']],
      },
      {
        title: 'Wait',
        about: 'What calls have waited for a place.',
        unit: 's',
        width: 8,
        queries: quantiles('holdfast_queue_seconds'),
        hasExemplars: true,
      },
      {
        title: 'Further attempts',
        about: 'Calls sent twice, and what the budget has denied, a second.',
        unit: 'reqps',
        width: 8,
        queries: [
          [`sum by (outcome) (${rate('holdfast_hedges_total')})`, 'second attempt {{outcome}}'],
          [`sum(${rate('holdfast_retries_denied_total')})`, 'retries denied'],
          [`sum(${rate('holdfast_hedges_denied_total')})`, 'second attempts denied'],
        ],
      },
    ],
  },
  {
    title: 'Upstreams',
    panels: [
      {
        title: 'In use',
        about: '1 in use, 0 resting after failures.',
        unit: 'short',
        kind: 'bargauge',
        width: 6,
        queries: [[`max by (upstream) (holdfast_upstream_up${of})`, '{{upstream}}']],
      },
      {
        title: 'Attempts that failed',
        about: 'A second, by upstream and fault: what callers may not have seen at all.',
        unit: 'reqps',
        width: 9,
        queries: [
          [
            `sum by (upstream, code) (${rate('holdfast_attempts_total', where('code!~"ok|HF_OUTRUN|HF_CLIENT_GONE|HF_CANCELLED"'))})`,
            '{{upstream}} {{code}}',
          ],
        ],
      },
      {
        title: 'Share of the calls',
        about: 'Attempts that gave the answer, a second.',
        unit: 'reqps',
        width: 9,
        queries: [[`sum by (upstream) (${rate('holdfast_attempts_total', where('code="ok"'))})`, '{{upstream}}']],
      },
      {
        title: 'Calls in hand',
        about: 'Under way at each upstream, and how many it is given at once.',
        unit: 'short',
        width: 8,
        queries: [
          [`sum by (upstream) (holdfast_upstream_calls_live${of})`, '{{upstream}}'],
          [`sum by (upstream) (holdfast_upstream_calls_limit${of})`, '{{upstream}} limit'],
        ],
      },
      {
        title: 'Out of use though they answer',
        about: 'Breakers: 2 while a model is out, 1 while it comes back.',
        unit: 'short',
        width: 8,
        queries: [
          [`max by (upstream) (holdfast_upstream_breaker${of})`, '{{upstream}}'],
          [
            `sum by (upstream, why) (increase(holdfast_breaker_openings_total${of}${range}))`,
            '{{upstream}} taken out: {{why}}',
          ],
        ],
      },
      {
        title: 'Engines, by their own account',
        about: 'Requests that wait there, and the share of the memory for contexts.',
        unit: 'short',
        width: 8,
        queries: [
          [`max by (upstream) (holdfast_upstream_engine_waiting${of})`, '{{upstream}} waiting'],
          [`max by (upstream) (holdfast_upstream_engine_kv_usage${of})`, '{{upstream}} memory'],
        ],
      },
    ],
  },
]

const source = { type: 'prometheus', uid: '${datasource}' }
const panelHeight = 8

/** The text of the file. */
export function dashboardText(): string {
  const panels: object[] = []
  let y = 0
  for (const { title, panels: own } of rows) {
    panels.push({
      id: panels.length + 1,
      type: 'row',
      title,
      collapsed: false,
      gridPos: { x: 0, y, w: 24, h: 1 },
      panels: [],
    })
    y++
    let x = 0
    for (const panel of own) {
      if (x + panel.width > 24) {
        x = 0
        y += panelHeight
      }
      panels.push(panelJson(panel, panels.length + 1, { x, y, w: panel.width, h: panelHeight }))
      x += panel.width
    }
    y += panelHeight
  }
  return `${JSON.stringify(page(panels), null, 2)}\n`
}

function panelJson(
  { title, about, unit, kind = 'timeseries', queries, hasExemplars = false }: Panel,
  id: number,
  gridPos: object,
): object {
  const targets = queries.map(([expr, legendFormat], i) => {
    return { refId: String.fromCharCode(65 + i), datasource: source, expr, legendFormat, exemplar: hasExemplars }
  })
  const isChart = kind === 'timeseries'
  return {
    id,
    type: kind,
    title,
    description: about,
    datasource: source,
    gridPos,
    targets,
    fieldConfig: { defaults: { unit, min: 0, ...(unit === 'percentunit' && { max: 1 }) }, overrides: [] },
    options: isChart
      ? {
          legend: { displayMode: 'table', placement: 'bottom', calcs: ['lastNotNull', 'max'] },
          tooltip: { mode: 'multi', sort: 'desc' },
        }
      : { reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false } },
  }
}

function page(panels: readonly object[]): object {
  return {
    uid: 'holdfast',
    title: 'Holdfast',
    description: 'Printed by `node scripts/write-reference.ts`; edit the table there, not this file.',
    tags: ['holdfast'],
    schemaVersion: 39,
    editable: true,
    graphTooltip: 1,
    refresh: '10s',
    time: { from: 'now-1h', to: 'now' },
    timezone: 'browser',
    templating: {
      list: [
        { name: 'datasource', label: 'Data source', type: 'datasource', query: 'prometheus' },
        {
          name: 'job',
          label: 'Job',
          type: 'query',
          datasource: source,
          query: { query: 'label_values(holdfast_calls_live, job)', refId: 'job' },
          definition: 'label_values(holdfast_calls_live, job)',
          refresh: 2,
          includeAll: true,
          multi: true,
          allValue: '.*',
          current: { text: ['All'], value: ['$__all'] },
        },
      ],
    },
    annotations: { list: [] },
    panels,
  }
}

/** A configuration for Prometheus to begin with. */
export function scrapeText(): string {
  return `# Printed by \`node scripts/write-reference.ts\`. Prometheus reads all workers of a gateway from its operators' port.
# Start it with --enable-feature=exemplar-storage, and a bucket of a histogram leads to the ray of a call.
global:
  scrape_interval: 15s
  evaluation_interval: 15s

rule_files:
  - rules/*.yaml

scrape_configs:
  - job_name: holdfast
    scrape_timeout: 5s
    static_configs:
      - targets: ['127.0.0.1:5021']
`
}
