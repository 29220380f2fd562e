/** The rules for Prometheus, judged by Prometheus’ own tool; and that our metrics are named as it wants them. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { alertNumbers } from '../../src/house/alert-numbers.ts'
import { mergeNumbers } from '../../src/observe/metric.ts'
import { findProgram } from './debian.ts'

const root = join(import.meta.dirname, '../..')
const rules = join(root, 'deploy/prometheus/rules/holdfast-objectives.yaml')
const promtool = findProgram('prometheus', 'usr/bin/promtool')
const skip = typeof promtool === 'string' ? promtool : false

function run(args: readonly string[], input = ''): string {
  if (typeof promtool === 'string') return ''
  const env = { ...process.env, ...promtool.env }
  const { status, stdout, stderr } = spawnSync(promtool.command, args, {
    input,
    env,
    encoding: 'utf8',
    timeout: 60_000,
  })
  assert.equal(status, 0, `${stdout}\n${stderr}`)
  return stdout
}

test('promtool finds nothing wrong with the rules', { skip }, () => {
  assert.match(run(['check', 'rules', rules]), /SUCCESS: \d+ rules found/)
})

test('the rules alert on what they should, and on nothing else', { skip }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-rules-'))
  try {
    const cases = join(folder, 'cases.yaml')
    writeFileSync(
      cases,
      readFileSync(join(import.meta.dirname, 'objectives-rules.yaml'), 'utf8').replace('RULES', rules),
    )
    assert.match(run(['test', 'rules', cases]), /SUCCESS/)
  } finally {
    rmSync(folder, { recursive: true, maxRetries: 20, retryDelay: 100 })
  }
})

test('promtool finds nothing wrong with the metrics of objectives and alerts', { skip }, async () => {
  const score = { name: 'a', sli: 'availability', target: 0.99, windowDays: 30, alert: 'page' } as const
  const budget = { good: 1, bad: 0, reached: 1, leftShare: 1, burn: 0, goneInMs: null, total: { good: 1, bad: 0 } }
  const deliveries = [{ receiver: 'x', delivered: 1, failed: 2 }]
  const numbers = alertNumbers({
    scores: [{ ...score, ...budget }],
    firing: [],
    leftCount: 0,
    mutedCount: 0,
    deliveries,
  })
  const text = await mergeNumbers([numbers], 0, false)
  assert.match(text, /holdfast_alert_deliveries_total\{receiver="x",outcome="failed"\} 2/)
  run(['check', 'metrics'], text.replaceAll(/^(# (HELP|TYPE) )?holdfast_workers_silent.*\n/gm, ''))
})
