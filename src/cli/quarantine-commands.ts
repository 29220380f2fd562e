/** The commands under `holdfast quarantine`. */
import type { Command } from './command.ts'
import type { QuarantineCommandOptions } from './quarantine.ts'

export function addQuarantineCommands(program: Command): void {
  const quarantine = program
    .command('quarantine')
    .description('Requests that are refused, for two model servers died of each.')
  const withFiles = (command: Command): Command =>
    command
      .option('-c, --config <file>', 'configuration file (default: holdfast.yaml, if there is one)')
      .option('--state <folder>', 'state folder of the gateway (default: that of the file, or .holdfast)')
      .option('--json', 'print it as JSON')
  withFiles(quarantine.command('list', { isDefault: true }).description('Print them, the latest first.')).action(
    async (options: QuarantineCommandOptions) => {
      const { listQuarantine } = await import('./quarantine.ts')
      listQuarantine(options)
    },
  )
  withFiles(
    quarantine
      .command('release [id]')
      .description('Let one be sent again, by its id (or its beginning). At once, for all workers.'),
  )
    .option('--all', 'everything')
    .action(async (id: string | undefined, options: QuarantineCommandOptions & { all?: boolean }) => {
      const { releaseQuarantine } = await import('./quarantine.ts')
      releaseQuarantine(id, options)
    })
}
