/**
 * `holdfast maintenance add|list|cancel`: windows that are added while a gateway runs, or before. They are written into
 * the log in its state folder; a gateway that runs takes them in within a second or two.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { systemRandom } from '../ground/random.ts'
import { MaintenancePlan } from '../house/maintenance-plan.ts'
import { printable } from '../observe/fact-words.ts'
import { isInForce, type Occurrence } from '../status/maintenance/maintenance-book.ts'
import { maintenanceText } from '../status/maintenance/maintenance-event.ts'
import { maintenanceWindowSchema, type WindowInput } from '../status/maintenance/maintenance-options.ts'
import { planWindow } from '../status/maintenance/plan-window.ts'
import { SqliteStatusLog, statusFileName } from '../store/sqlite-status-log.ts'
import type { StatusLog } from '../store/status-log.ts'
import { type CommandConfig, commandConfig, type ConfigOptions, operatorName } from './command-config.ts'

const dayMs = 86_400_000
/** Where the next of one that has just been added is looked for. */
const nextMs = 366 * dayMs

export interface MaintenanceCommand extends ConfigOptions {
  readonly by?: string
  readonly json?: boolean
}

export interface AddOptions extends MaintenanceCommand {
  readonly title: string
  readonly text?: string
  readonly from?: string
  readonly to?: string
  readonly minutes?: number
  readonly every?: 'week' | 'month'
  readonly days?: string
  readonly at?: string
  readonly timeZone?: string
  readonly component?: readonly string[]
  readonly upstream?: readonly string[]
  readonly model?: readonly string[]
  readonly announceDays?: number
}

/** @throws {Error} in words that name the cure. */
export function addMaintenance(options: AddOptions): void {
  const config = commandConfig(options)
  const input = readInput(options)
  const unknown = config.upstreams && input.upstreams?.find((name) => !config.upstreams?.includes(name))
  if (unknown)
    throw new Error(`There is no upstream ${JSON.stringify(unknown)}; there are: ${config.upstreams?.join(', ')}.`)
  const window = planWindow(maintenanceWindowSchema.parse(input), config.status.timeZone)
  const nowMs = Date.now()
  if (window.rule.every === 'once' && window.rule.toMs <= nowMs) throw new Error('That is over already.')
  using log = openLog(config)
  const plan = readPlan(config, log)
  const others = plan.book.within({ fromMs: nowMs, toMs: nowMs + nextMs })
  // Two operators may do it in one millisecond.
  const id = `m${nowMs.toString(36)}${systemRandom.bits(20).toString(36)}`
  const event = { kind: 'maintenance-planned', id, atMs: nowMs, by: operatorName(options.by), window } as const
  log.append(maintenanceText(event))
  plan.read(log)
  const own = plan.book.within({ fromMs: nowMs, toMs: nowMs + nextMs }).filter((each) => each.window === id)
  const overlaps = others.filter((other) => isStanding(other) && own.some((each) => meets(each, other)))
  if (options.json)
    return print({
      id,
      occurrences: own.slice(0, 10).map((each) => told(each, nowMs)),
      overlaps: overlaps.map(({ id: other }) => other),
    })
  write([
    `Added ${id}.`,
    ...own.slice(0, 3).map((each) => line(each, nowMs, config.status.timeZone)),
    ...overlaps
      .slice(0, 5)
      .map(
        (each) =>
          `It overlaps with ${each.id} (${printable(each.title)}): what both name is closed until the later end.`,
      ),
  ])
}

export function listMaintenance(options: MaintenanceCommand & { readonly days: number }): void {
  const config = commandConfig(options)
  using log = existsSync(join(config.stateDir, statusFileName)) ? openLog(config) : null
  const { book } = readPlan(config, log)
  const nowMs = Date.now()
  const all = book.within({ fromMs: nowMs - dayMs, toMs: nowMs + options.days * dayMs })
  if (options.json)
    return print({
      windows: all.map((each) => ({ ...told(each, nowMs), isConfigured: book.isConfigured(each.window) })),
    })
  write(
    all.length === 0
      ? [`No maintenance within ${options.days} days.`]
      : all.map((each) => line(each, nowMs, config.status.timeZone)),
  )
}

/** @throws {Error} when there is none of that name, or it is over. */
export function cancelMaintenance(id: string, options: MaintenanceCommand): void {
  const config = commandConfig(options)
  using log = openLog(config)
  const { book } = readPlan(config, log)
  const nowMs = Date.now()
  const found = book
    .within({ fromMs: nowMs, toMs: nowMs + nextMs })
    .filter((each) => each.id === id || each.window === id)
  if (found.length === 0)
    throw new Error(
      `There is no maintenance ${JSON.stringify(id)} to come. \`holdfast maintenance list\` shows what there is.`,
    )
  const standing = found.filter(isStanding)
  if (standing.length === 0) throw new Error(`${id} is cancelled already.`)
  // Of a window that is held once only this: another of the same title may come later.
  const isOnce = book.windows().get(id)?.rule.every === 'once'
  const cancelled = isOnce ? (standing[0]?.id ?? id) : id
  log.append(
    maintenanceText({ kind: 'maintenance-cancelled', id: cancelled, atMs: nowMs, by: operatorName(options.by) }),
  )
  const inForce = standing.find((each) => isInForce(each, nowMs))
  if (options.json) return print({ id, cancelled: standing.length, ended: inForce !== undefined })
  write([inForce ? `${id} ends now.` : `${id} is cancelled.`])
}

function readInput(options: AddOptions): WindowInput {
  const { title, text, from, to, minutes, every, at, timeZone, component, upstream, model, announceDays } = options
  const days = options.days
    ?.split(',')
    .map((day) => (/^-?\d+$/.test(day.trim()) ? Number(day) : day.trim().toLowerCase()))
  const input = {
    title,
    ...{ text, from, to, minutes, every, days, at, timeZone, announceDays },
    ...{ components: component, upstreams: upstream, models: model },
  }
  const result = maintenanceWindowSchema.safeParse(input)
  if (result.success) return JSON.parse(JSON.stringify(input)) as WindowInput
  const problems = result.error.issues.map(
    ({ path, message }) => `${path.join('.')}${path.length > 0 ? ': ' : ''}${message}`,
  )
  throw new Error(`This window makes no sense:\n    ${problems.slice(0, 10).join('\n    ')}`)
}

/** @throws {Error} where nothing is kept. */
function openLog({ stateDir, isForgetful }: CommandConfig): SqliteStatusLog {
  if (isForgetful)
    throw new Error(
      'This gateway keeps nothing on the disk (`journal.engine: memory`): put the window into its configuration.',
    )
  if (!existsSync(stateDir)) throw new Error(`There is no state folder ${stateDir}. Name it with --state.`)
  return new SqliteStatusLog(join(stateDir, statusFileName))
}

function readPlan(config: CommandConfig, log: StatusLog | null): MaintenancePlan {
  const plan = new MaintenancePlan(config)
  if (log) plan.read(log)
  return plan
}

const isStanding = ({ cancelledMs, fromMs }: Occurrence): boolean => cancelledMs === null || cancelledMs > fromMs
const meets = (a: Occurrence, b: Occurrence): boolean => a.fromMs < b.toMs && b.fromMs < a.toMs

function stateOf(each: Occurrence, nowMs: number): string {
  if (!isStanding(each)) return 'cancelled'
  if (isInForce(each, nowMs)) return 'in force'
  return each.fromMs > nowMs ? 'planned' : 'over'
}

function told(each: Occurrence, nowMs: number): object {
  const { id, window, title, text, components, upstreams, models, fromMs, toMs } = each
  const [from, to] = [fromMs, toMs].map((ms) => new Date(ms).toISOString())
  return { id, window, title, text, from, to, state: stateOf(each, nowMs), components, upstreams, models }
}

function line(each: Occurrence, nowMs: number, timeZone: string): string {
  const minutes = Math.round((each.toMs - each.fromMs) / 60_000)
  const { components, upstreams, models } = each
  const about = [...components, ...upstreams, ...models]
  return printable(
    `  ${each.id.padEnd(24)} ${stateOf(each, nowMs).padEnd(9)} ${placeTime(each.fromMs, timeZone)} for ${minutes} min  ${each.title}${about.length > 0 ? ` (${about.join(', ')})` : ''}`,
  )
}

/** `Sun 2026-12-06 02:00 Europe/Berlin`. */
export function placeTime(ms: number, timeZone: string): string {
  const moment = Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(timeZone)
  const day = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'][moment.dayOfWeek - 1]
  return `${day} ${moment.toPlainDateTime().toString({ smallestUnit: 'minute' }).replace('T', ' ')} ${timeZone}`
}

function print(value: object): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`)
}

function write(lines: readonly string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`)
}
