/** A real Alertmanager takes our alerts, passes them on, and knows when they are over. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { awaitPort, freePort, launch } from '../../bench/launch.ts'
import { AlertBook } from '../../src/alert/alert-book.ts'
import type { Condition } from '../../src/alert/condition.ts'
import { Courier } from '../../src/alert/courier.ts'
import { systemRandom } from '../../src/ground/random.ts'
import { silentLog } from '../../src/observe/log.ts'
import { until } from '../crash/until.ts'
import { findProgram, withShare } from './debian.ts'
import { noticeAbout, nowMs, receiverOf, Sink } from './sink.ts'

const program = findProgram('prometheus-alertmanager', 'usr/bin/prometheus-alertmanager')
const templates = '/usr/share/prometheus/alertmanager/default.tmpl'
const prefix = typeof program === 'string' ? program : withShare(program, templates)
const skip = typeof prefix === 'string' ? prefix : false

interface Known {
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}

interface Passed {
  readonly status: string
  readonly alerts: readonly { readonly labels: Readonly<Record<string, string>> }[]
}

test('alerts are known, passed on and resolved', { skip, timeout: 90_000 }, async () => {
  if (typeof program === 'string' || typeof prefix === 'string') return
  await using sink = await Sink.open()
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-alertmanager-'))
  const file = join(folder, 'alertmanager.yml')
  const route = 'route: { receiver: sink, group_by: [alertname], group_wait: 0s, group_interval: 1s }'
  writeFileSync(file, `${route}\nreceivers: [{ name: sink, webhook_configs: [{ url: "${sink.url}/am" }] }]\n`)
  const port = await freePort()
  const address = `--web.listen-address=127.0.0.1:${port}`
  const args = [`--config.file=${file}`, `--storage.path=${folder}`, address, '--cluster.listen-address=']
  const alertmanager = launch(program.command, args, { env: program.env, prefix })
  try {
    await awaitPort(port, alertmanager)
    const url = `http://127.0.0.1:${port}`
    const receiver = receiverOf({ alertmanager: { url: `${url}/` } })
    const book = new AlertBook({ resolveAfterMs: 0 })
    const courier = new Courier(receiver, {}, { log: silentLog, random: systemRandom, onTold: () => {} })
    const known = async (): Promise<Known[]> => (await (await fetch(`${url}/api/v2/alerts`)).json()) as Known[]
    const passed = (): Passed[] => sink.taken.map(({ body }) => JSON.parse(body) as Passed)
    const conditions = ['one', 'two'].map(
      (about): Condition => ({
        name: 'QuotaExhaustion',
        severity: 'warning',
        labels: { upstream: about },
        summary: `${about} “says” \\ so`,
        cure: 'c',
      }),
    )
    book.look(conditions, nowMs)
    await courier.tend(book, Date.now)
    assert.deepEqual([courier.trouble, courier.counts.delivered], [null, 1])
    const found = await known()
    assert.deepEqual(new Set(found.map(({ labels }) => labels['upstream'])), new Set(['one', 'two']))
    assert.deepEqual(found[0]?.annotations['summary']?.slice(3), ' “says” \\ so')
    await until('Alertmanager to pass both on', async () => passed().find(({ alerts }) => alerts.length === 2))

    book.look([], Date.now())
    await courier.tend(book, Date.now)
    await until('both to be resolved', async () => (await known()).length === 0)
    await until('the end to be passed on', async () => passed().find(({ status }) => status === 'resolved'))

    // What it sends to webhooks is what ours are sent: the same fields, so that readers of one can read the other.
    await receiverOf({ webhook: { url: sink.url } }).deliver(noticeAbout('whole'), nowMs)
    const [ours, theirs] = [passed().at(-1), passed()[0]]
    assert.deepEqual(Object.keys(ours ?? {}).toSorted(), Object.keys(theirs ?? {}).toSorted())
    assert.deepEqual(Object.keys(ours?.alerts[0] ?? {}).toSorted(), Object.keys(theirs?.alerts[0] ?? {}).toSorted())
  } finally {
    await alertmanager.stop()
    rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  }
})
