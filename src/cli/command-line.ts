/** The command line: one command a file, loaded when it is asked for. */
import { Command, eachOf, milliseconds, Option, port, wholeNumber, workerCount } from './command.ts'
import { addCacheCommands } from './cache-commands.ts'
import { addDeployCommands } from './deploy-commands.ts'
import { addQuarantineCommands } from './quarantine-commands.ts'
import type { ReloadOptions } from './reload.ts'
import type { ImportOptions } from './import-litellm.ts'
import { addAnswersCommands } from './answers-commands.ts'
import { addForecastCommands } from './forecast-commands.ts'
import { addIncidentCommands } from './incident-commands.ts'
import { addKeyCommands } from './key-commands.ts'
import { addMaintenanceCommands } from './maintenance-commands.ts'
import { addPlaceCommand } from './place-command.ts'
import { labChoices, type RunOptions } from './run-options.ts'
import type { TailOptions } from './tail.ts'
import { version } from './version.ts'

const program = new Command('holdfast')
  .description('An AI gateway that makes a 502 a non-event.')
  .version(version())
  .showHelpAfterError('(holdfast --help tells more)')
  .showSuggestionAfterError()

program
  .command('run', { isDefault: true })
  .description(
    'Run the gateway. Without a file or flags it finds what is on this machine, or starts a model of its own.',
  )
  .option('-c, --config <file>', 'configuration file (default: holdfast.yaml, if there is one)')
  .option('--host <address>', 'address to listen on (default: 127.0.0.1)')
  .option('-p, --port <port>', 'port to listen on; 0 lets the system choose (default: 5020)', port)
  .option('--admin-port <port>', 'port for /livez, /readyz and /metrics (default: the port after --port)', port)
  .option('-u, --upstream <url>', 'a model server, e.g. http://gpu1:8000/v1; give it again for more', eachOf)
  .option('--state <folder>', 'folder for the journal and, in a terminal, the log (default: .holdfast)')
  .option('-w, --workers <count>', 'processes that share the port (default: 2)', workerCount)
  .addOption(
    new Option('--drain-ms <ms>', 'at a stop: how long answers may take to finish (default: 30000)').argParser(
      milliseconds,
    ),
  )
  .addOption(
    new Option('--on-disconnect <how>', 'when the last reader of an answer leaves (default: detach)').choices([
      'detach',
      'cancel',
    ]),
  )
  .addOption(new Option('--journal <engine>', 'where answers are kept (default: sqlite)').choices(['memory', 'sqlite']))
  .option('--site <name>', 'where this gateway stands, 1 to 12 of a-z and 0-9; part of every Ray ID (default: local)')
  .addOption(
    new Option('--lab <which>', 'models of our own when nothing else is found').choices(labChoices).default('auto'),
  )
  .addOption(
    new Option('--log-level <level>', 'least weight of a log line (default: info)').choices([
      'debug',
      'info',
      'warn',
      'error',
      'silent',
    ]),
  )
  .addHelpText(
    'after',
    `
Examples:
  holdfast                                              whatever is found here
  holdfast --upstream http://gpu1:8000/v1 --upstream http://gpu2:8000/v1
  holdfast --config holdfast.yaml --workers 4
  holdfast --lab sim                                    simulated models, nothing to install`,
  )
  .action(async (options: RunOptions) => {
    const { run } = await import('./run.ts')
    await run(options)
    // Everything is closed. Left to end by itself, the process sometimes spins for ever in Node's own clean-up.
    process.exit()
  })

program
  .command('fleet')
  .description('The replicas that deployments run: state, release, address, age, calls, memory, last words.')
  .option('--state <folder>', 'state folder of the gateway', '.holdfast')
  .option('--remedies', 'what was done about sick replicas, and what came of it')
  .option('--json', 'print it as JSON')
  .action(async ({ state, json = false, remedies = false }: { state: string; json?: boolean; remedies?: boolean }) => {
    const { fleet } = await import('./fleet.ts')
    await fleet(state, { isJson: json, isOfRemedies: remedies })
  })

program
  .command('status')
  .description(
    'Say whether a running gateway is well, and what is out and why. Exit code: 0 well, 1 something is out, 2 it does not serve, 3 none runs.',
  )
  .option('--state <folder>', 'its state folder (default: .holdfast)')
  .option('--json', 'print it as JSON')
  .action(async (options: { state?: string; json?: boolean }) => {
    const { status } = await import('./status.ts')
    await status(options.state ?? '.holdfast', options.json ?? false)
  })

program
  .command('top')
  .description('Show traffic, upstreams and faults of a running gateway, anew every second. `q` ends it.')
  .option('--state <folder>', 'its state folder (default: .holdfast)')
  .option('--once', 'print it once and end')
  .option('--json', 'print it once as JSON')
  .action(async (options: { state?: string; once?: boolean; json?: boolean }) => {
    const { top } = await import('./top.ts')
    await top(options)
  })

program
  .command('restart')
  .description(
    'Put new processes in the place of a running gateway’s, with its file read again. No connection is refused, no answer is cut.',
  )
  .option('--state <folder>', 'its state folder (default: .holdfast)')
  .option('--json', 'print the outcome as JSON')
  .action(async (options: { state?: string; json?: boolean }) => {
    const { restart } = await import('./restart.ts')
    await restart(options.state ?? '.holdfast', options.json ?? false)
  })

program
  .command('reload')
  .description('Take up the changed configuration of a running gateway: all of it, or, where it is not good, nothing.')
  .option('--state <folder>', 'its state folder (default: .holdfast)')
  .option('--dry-run', 'only print what would change')
  .option('--json', 'print it as JSON')
  .action(async (options: ReloadOptions) => {
    const { reload } = await import('./reload.ts')
    await reload(options)
  })

program
  .command('tail')
  .description('Show what happened last, from the record; also of a gateway that is dead.')
  .option('--state <folder>', 'its state folder', '.holdfast')
  .option('-n, --count <count>', 'facts to begin with, at most 1000', wholeNumber(1000), 20)
  .option('-f, --follow', 'go on with what happens from now on')
  .option('-k, --kind <kinds>', 'only these, with commas between, e.g. call,upstream,worker')
  .option('--code <code>', 'only with this fault, e.g. HF_UPSTREAM_CUT')
  .option('-u, --upstream <name>', 'only of this upstream')
  .option('--ray <ray>', 'all that is of one call')
  .option('--json', 'a JSON object a line')
  .action(async (options: TailOptions) => {
    const { tail } = await import('./tail.ts')
    let isOver = false
    process.stdout.on('error', () => (isOver = true))
    process.once('SIGINT', () => (isOver = true))
    await tail(
      options,
      (text) => process.stdout.write(text),
      () => isOver,
    )
  })

program
  .command('explain <ray>')
  .description(
    'Say why a call failed, or was saved: cause, evidence, what was done, what to do. `last`: the last that failed.',
  )
  .option('--state <folder>', 'state folder of the gateway, which may be dead (default: .holdfast)')
  .option('--json', 'print it as JSON')
  .action(async (ray: string, options: { state?: string; json?: boolean }) => {
    const { explain: explainCall } = await import('./explain.ts')
    await explainCall(ray, { stateDir: options.state ?? '.holdfast', isJson: options.json ?? false })
  })

program
  .command('check [file]')
  .description(
    'Check a configuration file, and whether what it stands on is there: upstreams, models, certificates, ports, disk. Starts nothing, asks for no token. Exit code: 0 all is well, 1 the file is not good, 2 something else is in trouble.',
  )
  .option('--offline', 'look at the file alone, ask nobody')
  .option('--json', 'print findings and the effective configuration, or the problems, as JSON')
  .action(async (file: string | undefined, options: { json?: boolean; offline?: boolean }) => {
    const { check } = await import('./check.ts')
    await check(file ?? 'holdfast.yaml', options)
  })

program
  .command('tls [host]')
  .description(
    'Say what is agreed upon in a TLS handshake, and what is weak about it: with this gateway and its upstreams, or with any host. Exit code: 2 where something is in trouble.',
  )
  .option('-c, --config <file>', 'configuration file (default: holdfast.yaml)')
  .option('--json', 'print it as JSON')
  .action(async (host: string | undefined, options: { config?: string; json?: boolean }) => {
    const { showTls } = await import('./tls.ts')
    await showTls(host, options)
  })

const alerts = program.command('alerts').description('Alerts of a running gateway, and their receivers.')

alerts
  .command('list', { isDefault: true })
  .description('Print how the objectives stand, and which alerts go on.')
  .option('--state <folder>', 'its state folder (default: .holdfast)')
  .option('--json', 'print it as JSON')
  .action(async (options: { state?: string; json?: boolean }) => {
    const { listAlerts } = await import('./alerts-list.ts')
    await listAlerts(options.state ?? '.holdfast', options.json ?? false)
  })

alerts
  .command('test <receiver>')
  .description('Send a receiver of the configuration a test alert, and its end.')
  .option('-c, --config <file>', 'configuration file (default: holdfast.yaml)')
  .action(async (receiver: string, options: { config?: string }) => {
    const { testReceiver } = await import('./alerts-test.ts')
    await testReceiver(options.config ?? 'holdfast.yaml', receiver)
  })

addAnswersCommands(program)
addCacheCommands(program)
addDeployCommands(program)
addForecastCommands(program)
addQuarantineCommands(program)
addIncidentCommands(program)
addKeyCommands(program)
addMaintenanceCommands(program)
addPlaceCommand(program)

program
  .command('import')
  .description('Take over the configuration of another gateway.')
  .command('litellm <file>')
  .description('Print what a configuration of the LiteLLM proxy is here; what has no counterpart is said.')
  .option('-o, --out <file>', 'write it to this file, which must not be there yet')
  .option('--json', 'print it with the notes as JSON')
  .action(async (file: string, options: ImportOptions) => {
    const { importLitellm } = await import('./import-litellm.ts')
    importLitellm(file, options)
  })

program
  .command('schema')
  .description('Print the JSON Schema of the configuration file, for editors.')
  .action(async () => {
    const { configJsonSchema } = await import('../config.ts')
    process.stdout.write(`${JSON.stringify(configJsonSchema(), null, 2)}\n`)
  })

program
  .command('lab')
  .description(
    'Model servers for demos and tests: simulated ones that fail on command, a real small one, a proxy for broken links.',
  )
  .allowUnknownOption()
  .helpOption(false)
  .argument('[arguments...]')
  .action(async (args: string[]) => {
    const { runLab } = await import('../../lab/main.ts')
    await runLab(args)
  })

export async function runCommand(): Promise<void> {
  try {
    await program.parseAsync()
  } catch (error) {
    process.stderr.write(`${explain(error)}\n`)
    process.exitCode = 1
  }
}

/** An error of the start in words that name the cure. */
function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.name === 'ConfigError') return error.message
  const { code, message, syscall } = error as NodeJS.ErrnoException
  if (code === 'EADDRINUSE')
    return `${message}\n    Another program has this port. Choose another with --port (and --admin-port), or stop that one.`
  if (code === 'EACCES' && (syscall === 'listen' || syscall === 'bind'))
    return `${message}\n    Ports below 1024 are for the administrator: choose a higher one with --port.`
  if (code === 'EADDRNOTAVAIL')
    return `${message}\n    This machine does not have that address. Choose one it has with --host, or 0.0.0.0 for all.`
  return process.env['HOLDFAST_DEBUG'] ? (error.stack ?? message) : message
}
