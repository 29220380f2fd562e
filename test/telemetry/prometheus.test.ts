/** What Prometheus itself says of our metrics: its linter, and a server that scrapes a running gateway. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { startSim } from '../../lab/start-sim.ts'
import { freePort, startGateway } from '../crash/gateway.ts'
import { until } from '../crash/until.ts'
import { prometheusProgram } from './prometheus-program.ts'

const promtool = prometheusProgram('promtool')
const prometheus = prometheusProgram('prometheus')
const openMetrics = 'application/openmetrics-text; version=1.0.0'

async function call(url: string, body: object): Promise<string> {
  const init = { method: 'POST', body: JSON.stringify({ model: 'lab-model', ...body }) }
  const answer = await fetch(`${url}/v1/chat/completions`, init)
  const text = await answer.text()
  assert.equal(answer.status, 200, text)
  return answer.headers.get('holdfast-ray') ?? ''
}

const prompt = { messages: [{ role: 'user', content: 'for the metrics tokens:5' }] }

test('the linter finds nothing wrong, in either format and with traffic', async (t) => {
  if ('reason' in promtool) return t.skip(promtool.reason)
  const sim = await startSim({ rate: 500 })
  await using gateway = await startGateway('--upstream', `${sim.url}/v1`, '--workers', '2')
  try {
    await call(gateway.url, prompt)
    await call(gateway.url, { ...prompt, stream: true })
    await fetch(`${gateway.url}/v1/chat/completions`, { method: 'POST', body: '{"model":"no\\"body\\n"}' })
    const plain = await fetch(`${gateway.adminUrl}/metrics`)
    assert.match(plain.headers.get('content-type') ?? '', /^text\/plain; version=0.0.4/)
    const text = await plain.text()
    const lint = spawnSync(promtool.path, ['check', 'metrics'], { input: text, encoding: 'utf8' })
    assert.deepEqual([lint.stderr, lint.stdout, lint.status], ['', '', 0])
    const open = await fetch(`${gateway.adminUrl}/metrics`, { headers: { accept: openMetrics } })
    assert.match(open.headers.get('content-type') ?? '', /^application\/openmetrics-text/)
    // The same series in both: a rule does not care which was scraped.
    const series = (page: string): string[] =>
      page
        .split('\n')
        .filter((line) => line.startsWith('holdfast_'))
        .map((line) => line.replace(/ # .*$/, '').replace(/ [^ ]+$/, ''))
        .sort()
    const opened = await open.text()
    assert.deepEqual(series(opened), series(text))
    assert.match(opened, /# EOF\n$/)
  } finally {
    await sim.stop()
  }
})

test('a Prometheus server reads a running gateway, and leads from a bucket to a ray', async (t) => {
  if ('reason' in prometheus) return t.skip(prometheus.reason)
  const sim = await startSim({ rate: 500 })
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-prometheus-'))
  let server: ChildProcess | null = null
  try {
    await using gateway = await startGateway('--upstream', `${sim.url}/v1`, '--workers', '2')
    const rays: string[] = []
    for (let i = 0; i < 6; i++) rays.push(await call(gateway.url, { ...prompt, stream: i % 2 === 0 }))
    const port = await freePort()
    const target = new URL(gateway.adminUrl).host
    const config = `global: { scrape_interval: 1s }\nscrape_configs:\n  - job_name: holdfast\n    static_configs: [{ targets: ['${target}'] }]\n`
    await writeFile(join(folder, 'prometheus.yml'), config)
    const args = [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--enable-feature=exemplar-storage',
      '--log.level=error',
    ]
    server = spawn(prometheus.path, args, { stdio: 'ignore', cwd: folder })
    const ask = async (path: string): Promise<unknown[] | null> => {
      const answer = await fetch(`http://127.0.0.1:${port}/api/v1/${path}`).catch(() => null)
      if (!answer?.ok) return null
      const { data } = (await answer.json()) as { data: unknown[] & { result?: unknown[]; activeTargets?: unknown[] } }
      const told = data.result ?? data.activeTargets ?? data
      return told.length > 0 ? told : null
    }
    const query = (expression: string): Promise<unknown[] | null> =>
      ask(`query?query=${encodeURIComponent(expression)}`)
    const counted = await until('the calls to be counted', async () => {
      const [sum] = ((await query('sum(holdfast_calls_total{outcome="complete"})')) ?? []) as {
        value: [number, string]
      }[]
      return sum?.value[1] === '6' && sum
    })
    assert.ok(counted)
    const [scraped] = ((await ask('targets')) ?? []) as { health: string; lastError: string }[]
    assert.deepEqual([scraped?.health, scraped?.lastError], ['up', ''])
    const nowS = Date.now() / 1000
    const window = `&start=${nowS - 600}&end=${nowS + 600}`
    const led = (await until('exemplars', () =>
      ask(`query_exemplars?query=holdfast_call_duration_seconds_bucket${window}`),
    )) as {
      exemplars: { labels: { ray: string }; value: string }[]
    }[]
    const told = led.flatMap(({ exemplars }) => exemplars)
    assert.ok(told.length > 0 && told.every(({ labels }) => rays.includes(labels.ray)), JSON.stringify(told))
    const [p99] = ((await query('histogram_quantile(0.99, sum by (le) (holdfast_overhead_seconds_bucket))')) ?? []) as {
      value: [number, string]
    }[]
    assert.ok(Number(p99?.value[1]) > 0, 'quantiles can be had')
  } finally {
    if (server && server.exitCode === null) {
      server.kill('SIGKILL')
      await once(server, 'exit')
    }
    await sim.stop()
    await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  }
})
