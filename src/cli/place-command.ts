/** `holdfast place` on the command line. */
import { type Command, Option, wholeNumber } from './command.ts'
import type { PlaceOptions } from './place.ts'

export function addPlaceCommand(program: Command): void {
  program
    .command('place')
    .description(
      'Plan which replicas stand on which hosts: memory and GPUs are kept to, the cost of hosts, spread, affinity and moves is made small. Changes nothing. Exit code: 0 a plan, 1 none.',
    )
    .requiredOption('-s, --spec <file>', 'hosts, replicas and costs, YAML (docs/guide/placement.md)')
    .addOption(
      new Option('--solver <which>', 'auto: those that are worth it for the size; all: QAOA as well, for comparison')
        .choices(['auto', 'greedy', 'anneal', 'exact', 'qaoa', 'all'])
        .default('auto'),
    )
    .option('--within-ms <ms>', 'how long it may take, all solvers together', wholeNumber(3_600_000), 10_000)
    .option('--seed <number>', 'of all chance: the same seed, the same plan', wholeNumber(4_294_967_295), 1)
    .option('--export-qubo <file>', 'write the QUBO: `.json` for D-Wave’s dimod, `.qubo` for qbsolv')
    .option('--export-qasm <file>', 'write the circuit of QAOA with its angles, OpenQASM 3')
    .option('--layers <count>', 'layers of that circuit', wholeNumber(100), 3)
    .option('--json', 'print it as JSON')
    .action(async (options: PlaceOptions) => {
      const { place } = await import('./place.ts')
      await place(options)
    })
}
