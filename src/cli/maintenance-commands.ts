/** The commands under `holdfast maintenance`, and `holdfast report`. */
import { type Command, eachOf, Option, wholeNumber } from './command.ts'
import type { AddOptions, MaintenanceCommand } from './maintenance.ts'
import type { SuggestOptions } from './maintenance-suggest.ts'
import type { ReportCommand } from './report.ts'

export function addMaintenanceCommands(program: Command): void {
  const maintenance = program.command('maintenance').description('Windows of planned maintenance.')
  withFiles(maintenance.command('list', { isDefault: true }).description('Print what is planned and in force.'))
    .option('--days <count>', 'how far ahead', wholeNumber(366), 31)
    .option('--json', 'print it as JSON')
    .action(async (options: MaintenanceCommand & { days: number }) => {
      const { listMaintenance } = await import('./maintenance.ts')
      listMaintenance(options)
    })
  addAdd(maintenance)
  withFiles(maintenance.command('cancel <id>'))
    .description('Call off a window with all that is to come of it, or one occurrence. One in force ends.')
    .option(...byOption)
    .option('--json', 'print it as JSON')
    .action(async (id: string, options: MaintenanceCommand) => {
      const { cancelMaintenance } = await import('./maintenance.ts')
      cancelMaintenance(id, options)
    })
  withFiles(maintenance.command('suggest'))
    .description('Say when a window would touch the fewest calls in the coming week.')
    .option('--minutes <count>', 'how long it is to last', wholeNumber(4320), 60)
    .option('--json', 'print it as JSON')
    .action(async (options: SuggestOptions) => {
      const { suggestMaintenance } = await import('./maintenance-suggest.ts')
      suggestMaintenance(options)
    })
  addReport(program)
}

const byOption = ['--by <name>', 'who does it, for the history (default: your user name)'] as const

function withFiles(command: Command): Command {
  return command
    .option('-c, --config <file>', 'configuration file (default: holdfast.yaml, if there is one)')
    .option('--state <folder>', 'state folder of the gateway (default: that of the file, or .holdfast)')
}

function addAdd(maintenance: Command): void {
  withFiles(maintenance.command('add'))
    .description('Plan a window, once or one that comes again. It holds at once, without a restart.')
    .requiredOption('--title <words>', 'a few words, for the public')
    .option('--text <words>', 'what will be done, for the public')
    .option('--from <time>', 'when it begins: 2026-12-06T02:00, by the clock of the time zone, or with an offset')
    .option('--to <time>', 'when it ends')
    .option('--minutes <count>', 'or how long it lasts (default: 60)', wholeNumber(44_640))
    .addOption(new Option('--every <how>', 'for one that comes again').choices(['week', 'month']))
    .option('--days <days>', 'on which days: sunday,wednesday or 1,15,-1 (the last of the month)')
    .option('--at <time>', 'at which time it then begins, such as 02:00')
    .option('--time-zone <name>', 'such as Europe/Berlin (default: that of the page)')
    .option('--component <name>', 'of the page; give it again for more', eachOf)
    .option('--upstream <name>', 'gets no new calls, where others offer the model; give it again for more', eachOf)
    .option('--model <name>', 'is not to be had meanwhile; give it again for more', eachOf)
    .option('--announce-days <count>', 'the public is told so many days ahead (default: 7)', wholeNumber(90))
    .option(...byOption)
    .option('--json', 'print it as JSON')
    .action(async (options: AddOptions) => {
      const { addMaintenance } = await import('./maintenance.ts')
      addMaintenance(options)
    })
}

function addReport(program: Command): void {
  withFiles(program.command('report'))
    .description('Say what a month came to: uptime, error budgets, outages by cause, cost, credits.')
    .option('--month <month>', 'such as 2026-11 (default: the last one that is over)')
    .option('--json', 'print it as JSON')
    .option('--csv', 'print it as CSV')
    .option('--html <file>', 'write it as a page that can be printed')
    .action(async (options: ReportCommand) => {
      const { report } = await import('./report.ts')
      report(options)
    })
}
