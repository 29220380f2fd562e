/** Alerts of a gateway as a process: raised from what its workers count, told once, over restarts and kills. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type Gateway, freePort, holdfast, startGateway } from '../crash/gateway.ts'
import { until } from '../crash/until.ts'
import { Sink } from './sink.ts'

interface Report {
  readonly objectives: readonly { readonly name: string; readonly good: number; readonly bad: number }[]
  readonly alerts: readonly { readonly name: string; readonly labels: Readonly<Record<string, string>> }[]
  readonly receivers: readonly { readonly name: string; readonly trouble: string | null }[]
}

interface Body {
  readonly status: string
  readonly alerts: readonly { readonly labels: Readonly<Record<string, string>> }[]
}

const secret = 'a-secret-of-the-test'
let folder = ''
let file = ''
let sink: Sink
let deadUrl = ''

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-alerts-'))
  file = join(folder, 'holdfast.yaml')
  sink = await Sink.open()
  deadUrl = `http://127.0.0.1:${await freePort()}`
  writeFileSync(join(folder, 'secret'), `${secret}\n`)
  configure('')
})

after(async () => {
  await sink[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
})

function configure(more: string): void {
  writeFileSync(
    file,
    `upstreams: { gone: { url: ${deadUrl}/v1, models: [m] } }
objectives:
  - { name: whole, sli: availability, target: 0.99 }
alerts:
  periodMs: 100
  groupWaitMs: 0
  receivers:
    good: { webhook: { url: "${sink.url}/good", secret: "file:${folder}/secret" } }
    gone: { slack: { url: "${deadUrl}/${secret}" } }
${more}`,
  )
}

async function report({ adminUrl }: Gateway): Promise<Report> {
  return (await (await fetch(`${adminUrl}/alerts`)).json()) as Report
}

async function fail({ url }: Gateway, count: number): Promise<void> {
  const body = JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'x' }] })
  for (let i = 0; i < count; i++) {
    const headers = { 'content-type': 'application/json', connection: 'close' }
    const answer = await fetch(`${url}/v1/chat/completions`, { method: 'POST', headers, body })
    await answer.text()
    assert.equal(answer.status, 502)
  }
}

/** Of all workers; none of them is ready while its only upstream is away. */
async function livePids({ adminUrl }: Gateway): Promise<number[]> {
  const { workers } = (await (await fetch(`${adminUrl}/livez`)).json()) as { workers: { pid: number; rung: string }[] }
  return workers.filter(({ rung }) => rung !== 'starting').map(({ pid }) => pid)
}

function told(): Body[] {
  return sink.taken.filter(({ url }) => url === '/good').map(({ body }) => JSON.parse(body) as Body)
}

const start = (): Promise<Gateway> => startGateway('--config', file, '--state', join(folder, 'state'))

test('failures that two workers count raise one alert, which is told once, and not again after a kill', async () => {
  {
    await using gateway = await start()
    await fail(gateway, 12)
    await until('the alert to be told', async () => told().length > 0)
    const { objectives, alerts, receivers } = await report(gateway)
    assert.deepEqual(
      objectives.map(({ name, good, bad }) => [name, good, bad]),
      [['whole', 0, 12]],
    )
    assert.deepEqual(
      alerts.map(({ name, labels }) => [name, labels['objective']]),
      [['ErrorBudgetBurn', 'whole']],
    )
    await until('the other receiver to be missed', async () =>
      (await report(gateway)).receivers.some(({ name, trouble }) => name === 'gone' && trouble !== null),
    )
    assert.equal(receivers.find(({ name }) => name === 'good')?.trouble, null)

    // A worker that is killed takes nothing of the sums along.
    const [pid] = await livePids(gateway)
    assert.ok(pid !== undefined && pid > 0)
    process.kill(pid, 'SIGKILL')
    await until('another worker', async () => {
      const pids = await livePids(gateway)
      return pids.length === 2 && !pids.includes(pid)
    })
    await fail(gateway, 3)
    await until('15 bad calls', async () => (await report(gateway)).objectives[0]?.bad === 15)
    const metrics = await (await fetch(`${gateway.adminUrl}/metrics`)).text()
    assert.match(metrics, /^holdfast_objective_calls_total\{objective="whole",verdict="bad"\} 15$/m)
    assert.match(metrics, /^holdfast_alerts_firing\{alertname="ErrorBudgetBurn",severity="critical"\} 1$/m)

    const { output } = await holdfast('alerts', '--state', gateway.state)
    assert.match(output, /critical +ErrorBudgetBurn: whole misses its objective of 99 %/)
    assert.ok(gateway.lines.some(({ msg, alert }) => msg === 'an alert' && alert === 'ErrorBudgetBurn'))
    assert.ok(!JSON.stringify(gateway.lines).includes(secret), 'a secret in the log')
  } // SIGKILL
  assert.equal(statSync(join(folder, 'state', 'alerts.json')).mode & 0o777, 0o600)
  assert.ok(!readFileSync(join(folder, 'state', 'alerts.json'), 'utf8').includes(secret), 'a secret in the state')

  await using again = await start()
  await fail(again, 1)
  await until('the next call to be counted', async () => ((await report(again)).objectives[0]?.bad ?? 0) > 0)
  const { alerts } = await report(again)
  assert.deepEqual(
    alerts.map(({ name }) => name),
    ['ErrorBudgetBurn'],
    'it goes on',
  )
  assert.equal(told().length, 1)
})

// The limit is far below the receiver's own.
test('a receiver that hangs does not hold up the end of the gateway', { timeout: 60_000 }, async () => {
  await using gateway = await start()
  sink.answer = () => {}
  configure(`    hangs: { timeoutMs: 120000, webhook: { url: "${sink.url}/hangs" } }\n`)
  assert.equal((await holdfast('restart', '--state', gateway.state)).code, 0)
  await until('a message to be on its way', async () => sink.taken.some(({ url }) => url === '/hangs'))
  assert.equal(await gateway.end('SIGTERM'), 0)
  sink.answer = (response) => response.end('ok')
  configure('')
})

test('a restart takes up other objectives and receivers, and one without its secret changes nothing', async () => {
  await using gateway = await start()
  configure('    more: { webhook: { url: env:HOLDFAST_TEST_NO_SUCH } }\n')
  const refused = await holdfast('restart', '--state', gateway.state)
  assert.equal(refused.code, 1)
  assert.match(refused.output, /HOLDFAST_TEST_NO_SUCH is not set/)
  assert.equal((await report(gateway)).receivers.length, 2)
  configure(`    more: { webhook: { url: "${sink.url}/more" } }\n`)
  const taken = await holdfast('restart', '--state', gateway.state)
  assert.equal(taken.code, 0, taken.output)
  await until('the new receiver to be told of what goes on', async () => sink.taken.some(({ url }) => url === '/more'))
  assert.equal(told().length, 1, 'the old one knows')
})

test('a test message goes to one receiver, and a failure says why', async () => {
  const good = await holdfast('alerts', 'test', 'good', '--config', file)
  assert.equal(good.output, 'good took a test alert and its end.\n')
  assert.deepEqual(
    told()
      .slice(-2)
      .map(({ status, alerts }) => [status, alerts[0]?.labels['alertname']]),
    [
      ['firing', 'TestAlert'],
      ['resolved', 'TestAlert'],
    ],
  )
  const gone = await holdfast('alerts', 'test', 'gone', '--config', file)
  assert.equal(gone.code, 1)
  assert.match(gone.output, /^gone did not take it: 127\.0\.0\.1:\d+: ECONNREFUSED/)
  assert.ok(!gone.output.includes(secret))
  const typo = await holdfast('alerts', 'test', 'god', '--config', file)
  assert.match(typo.output, /Did you mean good\?/)
})

test('the check of a configuration hides the secrets of receivers, and misses those that are not there', async () => {
  const shown = await holdfast('check', file, '--json', '--offline')
  assert.equal(shown.code, 0)
  assert.ok(!shown.output.includes(secret))
  assert.ok(shown.output.includes('(hidden)'))
  configure('    more: { mail: { host: h, from: a@b.c, to: [a@b.c], password: env:HOLDFAST_TEST_NO_SUCH } }\n')
  const missed = await holdfast('check', file)
  assert.match(missed.output, /alerts\.receivers\.more\.mail\.password: the variable HOLDFAST_TEST_NO_SUCH is not set/)
  configure('    more: { mail: { host: h, from: a@b.c, to: [a@b.c] }, slack: { url: x } }\n')
  assert.match((await holdfast('check', file)).output, /exactly one of webhook, slack, pagerduty, alertmanager, mail/)
})
