/** The commands under `holdfast incident`. */
import { type Command, eachOf, wholeNumber } from './command.ts'
import type { IncidentOptions, Said } from './incident.ts'

type Asked = IncidentOptions & Said

const load = () => import('./incident.ts')

export function addIncidentCommands(program: Command): void {
  const incident = program
    .command('incident')
    .description('Incidents as the public sees them: list, add, update, correct, merge, silence, postpone.')
  const command = (words: string, description: string): Command =>
    incident
      .command(words)
      .description(description)
      .option('--state <folder>', 'state folder of the gateway, which may be dead (default: .holdfast)')
      .option('--by <name>', 'who says it (default: your user name)')
      .option('--json', 'print it as JSON')

  command('list', 'Print all incidents, and whether their history is as it was written.').action(
    async (options: Asked) => (await load()).listIncidents(options),
  )
  command('add', 'Open one that nothing has measured.')
    .option('--title <title>', 'what is wrong, in a few words')
    .option('--text <text>', 'the first update')
    .option('--component <id>', 'what is affected; give it again for more', eachOf)
    .option('--level <level>', 'degraded_performance, partial_outage or major_outage (default: partial_outage)')
    .action(async (options: Asked) => (await load()).addIncident(options, options))
  command('update <id>', 'Say more, or how far it has come.')
    .option('--title <title>', 'another title')
    .option('--text <text>', 'what to say')
    .option('--stage <stage>', 'investigating, identified, monitoring or resolved')
    .option('--level <level>', 'how its components do now')
    .action(async (id: string, options: Asked) => (await load()).updateIncident(id, options, options))
  command('correct <id>', 'Put the text of an update right; the old text is kept.')
    .requiredOption('--number <number>', 'which update, from 1', wholeNumber(500))
    .requiredOption('--text <text>', 'what is right')
    .action(async (id: string, options: Asked & { number: number; text: string }) =>
      (await load()).correctIncident(id, options.number, options.text, options),
    )
  command('merge <id> <into>', 'Make it a part of another one.').action(
    async (id: string, into: string, options: Asked) => (await load()).mergeIncident(id, into, options),
  )
  command('silence <id>', 'Take it from the public page.')
    .option('--off', 'show it again')
    .action(async (id: string, options: Asked & { off?: boolean }) =>
      (await load()).silenceIncident(id, !options.off, options),
    )
  command('postpone <id>', 'Do not show it before some minutes have passed.')
    .requiredOption('--minutes <minutes>', 'how many', wholeNumber(10_080))
    .action(async (id: string, options: Asked & { minutes: number }) =>
      (await load()).postponeIncident(id, options.minutes, options),
    )
}
