/** `holdfast forecast` and `holdfast simulate`: the load to come, and what to run for it. */
import { type Command, Option, positive, wholeNumber } from './command.ts'
import type { ForecastOptions } from './forecast.ts'
import type { SimulateOptions } from './simulate.ts'

const minutesMax = 1440
const minutes = wholeNumber(minutesMax)

export function addForecastCommands(program: Command): void {
  program
    .command('forecast [deployment]')
    .description(
      'Say the load to come, with its band, and how right such forecasts were lately: of all calls or, from a running gateway, of a deployment that is scaled by its load.',
    )
    .option('-c, --config <file>', 'configuration file (default: holdfast.yaml, if there is one)')
    .option('--state <folder>', 'state folder of the gateway (default: that of the file, or .holdfast)')
    .option('--trace <file>', 'a recorded load instead: a CSV, plain or gzip')
    .addOption(new Option('--bin <minutes>', 'of a row of the trace').choices(['1', '10']).default('1'))
    .option('--horizon <minutes>', 'how far ahead; give it again for more (default: 15, 60)', eachMinutes)
    .option('--days <count>', 'how far back to judge', wholeNumber(30), 3)
    .option('--json', 'print it as JSON')
    .action(
      async (
        deployment: string | undefined,
        options: Omit<ForecastOptions, 'horizon' | 'bin'> & { bin: string; horizon?: readonly number[] },
      ) => {
        if (deployment !== undefined) {
          const { forecastDeployment } = await import('./forecast-deployment.ts')
          return forecastDeployment(deployment, options)
        }
        const { forecast } = await import('./forecast.ts')
        forecast({ ...options, bin: Number(options.bin), horizon: options.horizon ?? [15, 60] })
      },
    )
  program
    .command('simulate')
    .description('Replay a recorded load against scaling policies: cost, overload and replicas of each.')
    .requiredOption('--trace <file>', 'a CSV by the minute, plain or gzip, with a column requests')
    .addOption(new Option('--policy <which>', 'only these').choices(['static', 'hpa', 'forecast']))
    .option('--start-min <minutes>', 'from the order of a replica until it is ready', wholeNumber(60), 3)
    .option('--per-replica <load>', 'what one bears in a minute (default: 1/20 of the busiest minutes)', positive)
    .option('--learn <percent>', 'of the trace that is learnt from, not counted', wholeNumber(95), 60)
    .option('--max <replicas>', 'never more', wholeNumber(100_000), 1000)
    .option('--overload <percent>', 'of the load that may find no room (default: 0.08)', positive)
    .option('--price-replica-hour <price>', 'to choose by money', positive)
    .option('--price-lost-request <price>', 'to choose by money', positive)
    .option('--plot <file.svg>', 'draw it')
    .option('--json', 'print it as JSON')
    .action(async (options: SimulateOptions) => {
      const { simulate } = await import('./simulate.ts')
      simulate(options)
    })
}

function eachMinutes(value: string, before: readonly number[] | undefined): readonly number[] {
  return [...(before ?? []), minutes(value)]
}
