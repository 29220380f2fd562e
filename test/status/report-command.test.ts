/** `holdfast report` and `holdfast maintenance suggest`, by the command, of a gateway that is not running. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ManualClock } from '../../src/ground/manual-clock.ts'
import { silentLog } from '../../src/observe/log.ts'
import type { Report } from '../../src/status/report/report.ts'
import { minuteMs, wholeHouse } from '../../src/store/ledger.ts'
import { ledgerSchema } from '../../src/store/ledger-options.ts'
import { SqliteLedger } from '../../src/store/sqlite-ledger.ts'
import { SqliteStatusLog } from '../../src/store/sqlite-status-log.ts'

const main = join(import.meta.dirname, '../../src/cli/holdfast.ts')

function holdfast(cwd: string, ...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [main, ...args], { cwd, maxBuffer: 2 ** 24 }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    )
  })
}

function folder(): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'holdfast-report-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true, maxRetries: 5 }) }
}

/** Every tenth minute of a time; night hours are quiet. */
function fill(path: string, fromMs: number, toMs: number, isBad: (ms: number) => boolean): void {
  using ledger = new SqliteLedger(
    join(path, 'ledger.db'),
    new ManualClock(toMs),
    ledgerSchema.parse(undefined),
    silentLog,
  )
  for (let ms = fromMs; ms < toMs; ms += minuteMs) {
    const calls = new Date(ms).getUTCHours() === 4 ? 1 : 20
    const failed = isBad(ms) ? calls : 0
    ledger.note(ms, wholeHouse, null, { calls, failed, slow: 0, level: null })
    if (ms % (10 * minuteMs) === 0 || failed > 0)
      ledger.note(ms, 'chat', null, { calls, failed, slow: 0, level: failed > 0 ? 'major_outage' : 'operational' })
  }
}

test('a month is reported with its incidents, as text, JSON, CSV and a page', async () => {
  using at = folder()
  const fromMs = Date.UTC(2026, 9, 1)
  const badMs = fromMs + 3 * 86_400_000
  fill(at.path, fromMs, fromMs + 5 * 86_400_000, (ms) => ms >= badMs && ms < badMs + 30 * minuteMs)
  {
    using log = new SqliteStatusLog(join(at.path, 'status.db'))
    const affected = [{ component: 'chat', level: 'major_outage', worst: 'major_outage', total: 600, bad: 600 }]
    const blame = { cause: 'out-of-memory', class: 'application', subject: 'gpu1' }
    const base = { id: 'i1', by: 'holdfast', blame }
    log.append(
      JSON.stringify({
        ...base,
        kind: 'opened',
        atMs: badMs,
        beganMs: badMs,
        title: 'Chat: most calls fail',
        stage: 'identified',
        affected,
        text: 'x',
      }),
    )
    log.append(
      JSON.stringify({ ...base, kind: 'updated', atMs: badMs + 30 * minuteMs, stage: 'resolved', text: 'over' }),
    )
  }
  writeFileSync(
    join(at.path, 'hf.yaml'),
    `stateDir: ${JSON.stringify(at.path)}\nupstreams: { a: { url: http://127.0.0.1:1/v1 } }\nstatus: { components: [{ name: Chat }], costs: { perMinute: 2 } }\n`,
  )
  const ask = (...args: string[]) => holdfast(at.path, 'report', '--month', '2026-10', '-c', 'hf.yaml', ...args)
  const told = await ask('--json')
  assert.equal(told.code, 0, told.stderr)
  const report = JSON.parse(told.stdout) as Report
  assert.equal(report.unwatchedMinutes, 26 * 1440)
  assert.deepEqual(
    report.causes.map(({ cause, minutes, calls }) => [cause, minutes, calls]),
    [['out-of-memory', 30, 600]],
  )
  assert.deepEqual(
    [report.components[0]?.name, report.components[0]?.uptime, report.costTotal],
    ['Chat', 1 - 30 / 7200, 60],
  )
  const text = await ask()
  assert.match(text.stdout, /The model server ran out of memory +30 +1 +600/)
  const csv = await ask('--csv')
  assert.match(csv.stdout, /^2026-10,cause,out-of-memory,/m)
  await ask('--html', 'report.html')
  assert.match(
    readFileSync(join(at.path, 'report.html'), 'utf8'),
    /^<!doctype html>[^]*Minutes of an outage by day[^]*<\/html>\n$/,
  )
})

test('what cannot be reported is told in words', async () => {
  using at = folder()
  assert.match((await holdfast(at.path, 'report', '--month', '2026-10')).stderr, /no ledger in \.holdfast/)
  fill(at.path, Date.UTC(2026, 9, 1), Date.UTC(2026, 9, 1, 1), () => false)
  assert.match(
    (await holdfast(at.path, 'report', '--month', 'October', '--state', at.path)).stderr,
    /write it like 2026-11/,
  )
  const damaged = join(at.path, 'ledger.db')
  rmSync(damaged)
  writeFileSync(damaged, 'not a database '.repeat(500))
  const { code, stderr } = await holdfast(at.path, 'report', '--month', '2026-10', '--state', at.path)
  assert.notEqual(code, 0)
  assert.doesNotMatch(stderr, /\n\s+at /)
})

test('the quietest hour is suggested from the ledger, and with a short one nothing is', async () => {
  using at = folder()
  const nowMs = Math.floor(Date.now() / 3_600_000) * 3_600_000
  fill(at.path, nowMs - 20 * 3_600_000, nowMs, () => false)
  const short = await holdfast(at.path, 'maintenance', 'suggest', '--state', at.path)
  assert.equal(short.code, 1)
  assert.match(short.stdout, /history is too short: \d+ hours/)
  using long = folder()
  fill(long.path, nowMs - 8 * 24 * 3_600_000, nowMs, () => false)
  const found = await holdfast(long.path, 'maintenance', 'suggest', '--state', long.path, '--json')
  assert.equal(found.code, 0, found.stdout + found.stderr)
  const { windows } = JSON.parse(found.stdout) as { windows: { from: string; share: number }[] }
  assert.match(windows[0]?.from ?? '', /T04:00:00/)
  assert.ok((windows[0]?.share ?? 1) < 0.1)
})
