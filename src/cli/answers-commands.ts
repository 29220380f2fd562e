/** The commands under `holdfast answers`. */
import type { AnswersOptions } from './answers.ts'
import type { Command } from './command.ts'

const load = () => import('./answers.ts')

export function addAnswersCommands(program: Command): void {
  const answers = program.command('answers').description('The answer cache: what is in it, and emptying it.')
  withChoice(answers.command('list', { isDefault: true }))
    .description('Print what may be given to others, by key and model.')
    .action(async (options: AnswersOptions) => (await load()).listAnswers(options))
  withChoice(answers.command('purge'))
    .description('Give it to nobody else from now on. Who was given an answer can still read it again.')
    .option('--all', 'everything')
    .action(async (options: AnswersOptions) => (await load()).purgeAnswers(options))
}

function withChoice(command: Command): Command {
  return command
    .option('--key <name>', 'only what was made for this key')
    .option('--model <name>', 'only of this model, as callers name it')
    .option('-c, --config <file>', 'configuration file (default: holdfast.yaml, if there is one)')
    .option('--state <folder>', 'state folder of the gateway (default: that of the file, or .holdfast)')
    .option('--json', 'print it as JSON')
}
