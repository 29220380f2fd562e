/** `holdfast lab model`: the real small model as a server of its own. */
import { homedir } from 'node:os'
import { join } from 'node:path'
import { startTinyModel, type TinyModelServer, type TinyModelServerOptions } from '../start-tiny-model.ts'
import { endWith, type LabCommand, sayReady, UsageError } from './command.ts'
import { type Flag, type FlagValues, parseFlags, toFlagHelp } from './flags.ts'

const flags = {
  port: { type: 'number', value: 'PORT', says: 'port to listen on; 0 = a free one (0)' },
  slots: { type: 'number', value: 'N', says: 'answers at once (4)' },
  context: { type: 'number', value: 'TOKENS', says: 'longest prompt and answer together, of one slot (2048)' },
  seed: { type: 'number', value: 'N', says: 'which random matrices (1)' },
  noise: {
    type: 'number',
    value: 'WEIGHT',
    says: 'weight of all but the last token: 0.5 reads well, 4 is for tests (0.5)',
  },
  model: { type: 'text', value: 'NAME', says: 'name of the model (tiny)' },
  program: {
    type: 'text',
    value: 'FILE',
    says: 'the llama-server to use (PATH, else cache, else unpacked from Debian)',
  },
  cache: {
    type: 'text',
    value: 'FOLDER',
    says: 'for the engine and the weights (holdfast in $XDG_CACHE_HOME or ~/.cache)',
  },
  extra: {
    type: 'texts',
    value: 'FLAG',
    says: 'a further flag for llama-server, e.g. --extra=--no-slots; may be repeated',
  },
  tied: { type: 'switch', says: 'end when standard input ends' },
} as const satisfies Record<string, Flag>

const help = `holdfast lab model: a real engine with a tiny model

The weights are written on the spot in a quarter of a second. What the model says is made of real words and means
nothing, but everything around it is real: llama.cpp's llama-server with its APIs, its tokens, its timing, its crashes.

Usage: holdfast lab model [flags]

${toFlagHelp(flags)}

It prints one line of JSON when it answers: {"event":"ready","url":"http://127.0.0.1:41234",…,"enginePid":1234,…}.
Kill the engine to see what happens: kill -9 1234.
`

function toOptions(values: FlagValues): TinyModelServerOptions {
  const within = (name: string, standard: number, min: number, max: number): number => {
    const value = values.number(name) ?? standard
    if (value < min || value > max) throw new UsageError(`--${name} is from ${min} to ${max}; got ${value}`)
    return value
  }
  const program = values.text('program')
  return {
    cacheDir: values.text('cache') ?? join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'holdfast'),
    port: within('port', 0, 0, 65_535),
    slots: within('slots', 4, 1, 64),
    contextTokens: within('context', 2048, 64, 131_072),
    seed: within('seed', 1, 0, 2 ** 32 - 1),
    noise: within('noise', 0.5, 0, 100),
    name: values.text('model') ?? 'tiny',
    extraArgs: values.texts('extra'),
    onProgress: (line) => process.stderr.write(`${line}\n`),
    ...(program === undefined ? {} : { program }),
  }
}

async function run(args: readonly string[]): Promise<void> {
  const values = parseFlags(args, flags)
  const server = await startTinyModel(toOptions(values))
  endWith(() => server.stop(), values.has('tied'))
  endWhenItEnds(server)
  sayReady({ url: server.url, model: server.model, version: server.version, enginePid: server.pid })
}

/** Without its engine this command has nothing to do: it says why and ends, unless it was told to stop. */
function endWhenItEnds(server: TinyModelServer): void {
  let wasTold = false
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => (wasTold = true))
  process.stdin.once('end', () => (wasTold = true))
  void server.exited.then(() => {
    if (wasTold) return
    process.stderr.write(`holdfast lab model: llama-server ended: ${server.tail().trim().slice(-600)}\n`)
    process.exit(1)
  })
}

export const modelCommand: LabCommand = { help, run }
