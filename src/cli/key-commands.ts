/** The commands under `holdfast key`. */
import { tiers } from '../relay/overload/tier.ts'
import { type Command, eachOf, Option, positive, wholeNumber } from './command.ts'
import type { KeyCommand, KeyWishes } from './key.ts'

const load = () => import('./key.ts')
const countMax = 1e12

export function addKeyCommands(program: Command): void {
  const key = program
    .command('key')
    .description(
      'Keys of callers, made and changed while the gateway runs. Those of the configuration are not touched.',
    )
  withWishes(
    withFiles(key.command('create <name>')).description('Make a key. Its secret is printed once, and kept nowhere.'),
  )
    .option('--days <count>', 'how long it is good (default: for good)', wholeNumber(36_500))
    .action(async (name: string, options: KeyCommand & KeyWishes) => (await load()).createKey(name, options))
  withFiles(key.command('list', { isDefault: true }))
    .description('Print the keys and what they have used.')
    .option('--all', 'those that are good no more, too')
    .action(async (options: KeyCommand & { all?: boolean }) => (await load()).listKeys(options))
  withWishes(
    withFiles(key.command('limits <name>')).description('Set what a key may use. What is left out stays as it is.'),
  )
    .option('--unlimited', 'forget all limits it had before')
    .action(async (name: string, options: KeyCommand & KeyWishes) => (await load()).changeKey(name, options))
  withFiles(key.command('rotate <name>'))
    .description('Make another secret for a key; the old one is good a while longer.')
    .option('--grace-minutes <count>', 'so much longer (default: a day; 0: not at all)', minutes, 1440)
    .action(async (name: string, options: KeyCommand & { graceMinutes: number }) =>
      (await load()).rotateKey(name, options),
    )
  withFiles(key.command('revoke <name>'))
    .description('From now on it is refused, and answers under way for it end. It cannot be taken back.')
    .action(async (name: string, options: KeyCommand) => (await load()).revokeKey(name, options))
}

function minutes(text: string): number {
  return text === '0' ? 0 : wholeNumber(525_600)(text)
}

function withFiles(command: Command): Command {
  return command
    .option('-c, --config <file>', 'configuration file (default: holdfast.yaml, if there is one)')
    .option('--state <folder>', 'state folder of the gateway (default: that of the file, or .holdfast)')
    .option('--json', 'print it as JSON')
}

function withWishes(command: Command): Command {
  return command
    .option('--model <name>', 'it may use this one; give it again for more (default: all)', eachOf)
    .addOption(new Option('--tier <tier>', 'whom it is served before').choices([...tiers]))
    .addOption(new Option('--on-disconnect <how>', 'when its readers leave').choices(['cancel', 'detach']))
    .addOption(
      new Option('--cache <calls>', 'which calls may be answered from the cache').choices([
        'off',
        'sure',
        'all',
        'semantic',
      ]),
    )
    .option('--requests-per-minute <count>', 'calls a minute', wholeNumber(countMax))
    .option('--tokens-per-minute <count>', 'tokens of prompts and answers a minute', wholeNumber(countMax))
    .option('--calls-live <count>', 'calls under way at once', wholeNumber(100_000))
    .option('--tokens-per-day <count>', 'tokens a day, by UTC', wholeNumber(countMax))
    .option('--tokens-per-month <count>', 'tokens a month', wholeNumber(countMax))
    .option('--money-per-day <amount>', 'what its calls may cost a day, by the prices of models', positive)
    .option('--money-per-month <amount>', 'the same for a month', positive)
}
