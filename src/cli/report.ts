/** `holdfast report`: what a month came to. It reads the state folder, so it works while the gateway is dead. */
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Incident } from '../status/incident.ts'
import { makeReport } from '../status/report/make-report.ts'
import { lastMonth, readMonth } from '../status/report/month.ts'
import type { Report } from '../status/report/report.ts'
import { reportCsv } from '../status/report/report-csv.ts'
import { reportPage } from '../status/report/report-page.ts'
import { reportText } from '../status/report/report-text.ts'
import { Components } from '../status/components.ts'
import { readIncidents } from '../status/read-incidents.ts'
import { SqliteStatusLog, statusFileName } from '../store/sqlite-status-log.ts'
import { ledgerFileName } from '../store/sqlite-ledger.ts'
import { LedgerQuery } from '../store/sqlite-ledger-query.ts'
import { type CommandConfig, commandConfig, type ConfigOptions } from './command-config.ts'

export interface ReportCommand extends ConfigOptions {
  readonly month?: string
  readonly json?: boolean
  readonly csv?: boolean
  readonly html?: string
}

/** @throws {Error} in words that name the cure. */
export function report(options: ReportCommand): void {
  const config = commandConfig(options)
  const made = read(config, options.month)
  if (options.html !== undefined) {
    writeFileSync(options.html, reportPage(made, config.status.name))
    process.stderr.write(`Written to ${options.html}.\n`)
  }
  if (options.json) process.stdout.write(`${JSON.stringify(made, null, 2)}\n`)
  else if (options.csv) process.stdout.write(reportCsv(made))
  else if (options.html === undefined) process.stdout.write(reportText(made))
}

function read(config: CommandConfig, name: string | undefined): Report {
  const { status, objectives, keys, stateDir } = config
  const nowMs = Date.now()
  const month = name === undefined ? lastMonth(nowMs) : readMonth(name)
  const path = join(stateDir, ledgerFileName)
  if (!existsSync(path))
    throw new Error(`There is no ledger in ${stateDir}. Name the state folder of the gateway with --state.`)
  using ledger = new LedgerQuery(path)
  return makeReport({
    month,
    nowMs,
    days: ledger.days(month.fromMs, month.toMs),
    watched: ledger.watched(month.fromMs, month.toMs),
    outages: ledger.outages(month.fromMs, month.toMs),
    incidents: incidentsIn(stateDir),
    components: new Components(status.components).all,
    objectives,
    premiumKeys: keys.filter(({ tier }) => tier === 'premium').map((key) => key.name),
    costs: status.costs,
    sla: status.sla,
  })
}

/** Of all the log, which is kept for good. */
function incidentsIn(stateDir: string): readonly Incident[] {
  const path = join(stateDir, statusFileName)
  if (!existsSync(path)) return []
  using log = new SqliteStatusLog(path)
  return readIncidents(log).all
}
