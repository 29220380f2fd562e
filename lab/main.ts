/**
 * `holdfast lab`: model servers for demos, tests and benchmarks. One file for each subcommand in `command/`, loaded
 * when asked for. From a checkout: `node lab/main.ts sim --port 8001`.
 */
import { nearestName } from '../src/ground/name.ts'
import { type LabCommand, UsageError } from './command/command.ts'

interface Entry {
  readonly says: string
  load(): Promise<LabCommand>
}

const commands: Readonly<Record<string, Entry>> = {
  sim: {
    says: 'a simulated model server that answers predictably and fails on command',
    load: async () => (await import('./command/sim.ts')).simCommand,
  },
  model: {
    says: 'a real engine (llama-server) with a tiny model that is written on the spot',
    load: async () => (await import('./command/model.ts')).modelCommand,
  },
  proxy: {
    says: 'a TCP proxy that makes a link slow, lossy, half-open or dead',
    load: async () => (await import('./command/proxy.ts')).proxyCommand,
  },
}

const help = `holdfast lab: model servers to try Holdfast on, without a GPU

Usage: holdfast lab <command> [flags]

${Object.entries(commands)
  .map(([name, { says }]) => `  ${name.padEnd(8)} ${says}`)
  .join('\n')}

holdfast lab <command> --help tells the rest. For a start:

  holdfast lab sim --port 8001          a model server on http://127.0.0.1:8001
`

/** Runs a subcommand; the exit status. What the command started may go on running after that. */
export async function runLab(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(help)
    return name === undefined ? 2 : 0
  }
  const entry = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (!entry) {
    const near = nearestName(name, Object.keys(commands))
    process.stderr.write(`holdfast lab: there is no "${name}"${near === null ? '' : `; did you mean "${near}"?`}\n`)
    return 2
  }
  const command = await entry.load()
  if (rest.includes('--help') || rest.includes('-h')) {
    process.stdout.write(command.help)
    return 0
  }
  try {
    await command.run(rest)
    return 0
  } catch (error) {
    if (!(error instanceof UsageError))
      process.stderr.write(`holdfast lab ${name}: ${error instanceof Error ? error.message : String(error)}\n`)
    else process.stderr.write(`holdfast lab ${name}: ${error.message}\nSee: holdfast lab ${name} --help\n`)
    return error instanceof UsageError ? 2 : 1
  }
}

if (import.meta.main) process.exitCode = await runLab(process.argv.slice(2))
