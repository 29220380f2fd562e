/** The commands under `holdfast deploy`. */
import { type Command, Option } from './command.ts'
import type { BeginOptions, DeployOptions } from './deploy.ts'

export function addDeployCommands(program: Command): void {
  const deploy = program.command('deploy').description('Put a release in the place of another, and lead how it goes.')
  withState(deploy.command('start <deployment>', { isDefault: true }))
    .description('Begin: `holdfast deploy <deployment> --release <name>`.')
    .requiredOption('--release <name>', 'of the releases in the configuration')
    .addOption(
      new Option('--strategy <name>', 'how it takes over (default: as it is set)').choices([
        'canary',
        'blue-green',
        'rolling',
      ]),
    )
    .action(async (deployment: string, options: BeginOptions) => {
      const { beginDeploy } = await import('./deploy.ts')
      await beginDeploy(deployment, options)
    })
  withState(deploy.command('status [deployment]'))
    .description('Say where rollouts stand and what they wait for.')
    .action(async (deployment: string | undefined, options: DeployOptions) => {
      const { showDeploys } = await import('./deploy.ts')
      await showDeploys(deployment, options)
    })
  withState(deploy.command('history <deployment>'))
    .description('Print what was deployed, step by step, the latest first.')
    .action(async (deployment: string, options: DeployOptions) => {
      const { showHistory } = await import('./deploy.ts')
      await showHistory(deployment, options)
    })
  for (const [name, words] of leads)
    withState(deploy.command(`${name} <deployment>`))
      .description(words)
      .action(async (deployment: string, options: DeployOptions) => {
        const { leadDeploy } = await import('./deploy.ts')
        await leadDeploy(deployment, name, options)
      })
}

const leads = [
  ['pause', 'Stay at the present share; a release that turns out bad is stopped all the same.'],
  ['resume', 'Go on after a pause.'],
  ['rollback', 'Give all calls back to the release before, at once.'],
  ['go-on', 'Let one go further that could not be shown to be good.'],
] as const

function withState(command: Command): Command {
  return command
    .option('--state <folder>', 'state folder of the gateway (default: .holdfast)')
    .option('--by <name>', 'who does it, for the history (default: your user name)')
    .option('--json', 'print it as JSON')
}
