/** The dashboard: each series that it asks for exists, each expression is one, and the guide knows every metric. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { rows } from '../../scripts/dashboard.ts'
import { metricOf, metricTable, seriesIn } from '../../scripts/metric-table.ts'
import { prometheusProgram } from './prometheus-program.ts'

const expressions = rows.flatMap(({ panels }) =>
  panels.flatMap(({ queries }) => queries.map(([expression]) => expression)),
)

test('every metric and label that the dashboard names exists', async () => {
  const table = await metricTable()
  for (const expression of expressions) {
    const series = seriesIn(expression)
    assert.ok(series.length > 0, expression)
    for (const name of series.filter((each) => each.startsWith('holdfast_'))) {
      const metric = metricOf(name, table)
      assert.ok(metric, `${name} in ${expression}`)
      const by = /by \(([\w, ]+)\)/.exec(expression)?.[1]?.split(', ') ?? []
      const isHistogram = metric.kind === 'histogram'
      for (const label of by)
        assert.ok([...metric.labels, ...(isHistogram ? ['le'] : [])].includes(label), `${label} of ${name}`)
      if (/(rate|increase)\($/.test(expression.slice(0, expression.indexOf(name))))
        assert.notEqual(metric.kind, 'gauge', `${name} is a gauge: ${expression}`)
    }
  }
})

test('Prometheus understands every expression', (t) => {
  const promtool = prometheusProgram('promtool')
  if ('reason' in promtool) return t.skip(promtool.reason)
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-rules-'))
  try {
    const rules = expressions.map((expression, i) => {
      const expr = expression.replaceAll('$__rate_interval', '1m').replaceAll('$job', '.*')
      return { record: `test:panel:${i}`, expr }
    })
    const file = join(folder, 'rules.json') // every JSON is YAML
    writeFileSync(file, JSON.stringify({ groups: [{ name: 'dashboard', rules }] }))
    const checked = spawnSync(promtool.path, ['check', 'rules', file], { encoding: 'utf8' })
    assert.equal(checked.status, 0, checked.stdout + checked.stderr)
    const scrape = spawnSync(promtool.path, ['check', 'config', '--syntax-only', 'deploy/prometheus/prometheus.yml'], {
      encoding: 'utf8',
      cwd: join(import.meta.dirname, '../..'),
    })
    assert.equal(scrape.status, 0, scrape.stdout + scrape.stderr)
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  }
})

test('the guide tells of every metric', async () => {
  const folder = join(import.meta.dirname, '../../docs/guide')
  const pages = readdirSync(folder).map((page) => readFileSync(join(folder, page), 'utf8'))
  for (const { name, help } of await metricTable()) {
    assert.ok(
      pages.some((page) => page.includes(`\`${name}\``)),
      `${name} is missing in docs/guide`,
    )
    assert.match(help, /\.$/, `${name}: its help is a sentence`)
  }
})
