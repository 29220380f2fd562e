/** From the command line to a configuration: a file, flags, what is found on this machine, or the lab. */
import { existsSync } from 'node:fs'
import { checkConfig, type Config, type ConfigInput } from '../config.ts'
import { readConfigFiles } from '../config-file.ts'
import { ConfigError } from '../ground/config-error.ts'
import { discover } from './discover.ts'
import type { LabModels } from './lab-models.ts'
import type { RunOptions } from './run-options.ts'

export interface Setup {
  readonly config: Config
  /** Where the upstreams come from, one line each, for people. */
  readonly notes: readonly string[]
  /** The lab's models that were started, to be stopped at the end. */
  readonly lab: LabModels | null
  /** Files that the configuration was read from. */
  readonly paths: readonly string[]
}

export const usualFile = 'holdfast.yaml'
/** 502, and one more digit. */
export const usualPort = 5020

/** `tell` is given lines on long work. @throws {ConfigError} */
export async function setUp(options: RunOptions, tell: (line: string) => void): Promise<Setup> {
  const file = options.config ?? (!options.upstream && existsSync(usualFile) ? usualFile : null)
  if (file && options.upstream) {
    throw new ConfigError([
      {
        place: '--upstream',
        field: '',
        message: 'cannot be joined with a file',
        cure: `Add it to \`upstreams\` in ${file}, or leave --config out.`,
      },
    ])
  }
  if (file) {
    const { config, paths } = readConfigFiles(file, process.env)
    return { config: withFlags(config, options), notes: [`Configured by ${file}.`], lab: null, paths }
  }
  if (options.upstream)
    return { config: fromFlags(upstreamsOf(options.upstream), options), notes: [], lab: null, paths: [] }
  if (options.lab === 'auto' || options.lab === 'off') {
    const found = await discover(process.env, options.port ?? usualPort)
    if (Object.keys(found.upstreams).length > 0) {
      return {
        config: fromFlags(found.upstreams, options),
        notes: ['Found:', ...found.notes.map((note) => `  ${note}`)],
        lab: null,
        paths: [],
      }
    }
    if (options.lab === 'off') throw nothingFound()
  }
  const why =
    options.lab === 'auto' ? ['No model server and no provider key was found, so the lab plays both parts.'] : []
  const { openLab } = await import('./lab-models.ts')
  const lab = await openLab(options.lab, tell)
  return { config: fromFlags(lab.upstreams, options), notes: [...why, ...lab.notes], lab, paths: [] }
}

function nothingFound(): ConfigError {
  const cure = 'Start one, set a provider’s key (OPENAI_API_KEY, ANTHROPIC_API_KEY …), or name one with --upstream URL.'
  return new ConfigError([
    { place: 'this machine', field: '', message: 'no model server and no provider key was found', cure },
  ])
}

/** Upstreams given by URL are named by host and port. */
function upstreamsOf(urls: readonly string[]): ConfigInput['upstreams'] {
  const upstreams: ConfigInput['upstreams'] = {}
  for (const url of urls) {
    if (!/^https?:\/\//i.test(url) || !URL.canParse(url)) {
      throw new ConfigError([
        {
          place: `--upstream ${url}`,
          field: '',
          message: 'not a URL of http or https',
          cure: 'Write it like http://gpu1:8000/v1.',
        },
      ])
    }
    const { host } = new URL(url)
    const name = host.replace(/[^\w.:@-]/g, '')
    upstreams[name in upstreams ? `${name}-${Object.keys(upstreams).length + 1}` : name] = { url }
  }
  return upstreams
}

function fromFlags(upstreams: ConfigInput['upstreams'], options: RunOptions): Config {
  return withFlags(checkConfig({ upstreams }), options)
}

/** Flags win over the file. */
function withFlags(config: Config, options: RunOptions): Config {
  const [first, ...others] = config.listeners
  const host = options.host ?? first?.host ?? '127.0.0.1'
  const port = options.port ?? first?.port ?? usualPort
  // Another gateway on the default port should not keep a second one from starting on a port of its own.
  const adminPort =
    options.adminPort ??
    (options.port === undefined || options.port === 0
      ? (options.port ?? config.admin.port)
      : followingPort(config, options.port))
  return checkConfig({
    ...config,
    listeners: [{ ...first, host, port }, ...others],
    admin: { ...config.admin, port: adminPort },
    ...(options.state !== undefined && { stateDir: options.state }),
    // Workers cannot share a journal in memory: asked for by a flag, it means one.
    ...(options.journal === 'memory' && { workers: undefined }),
    ...(options.workers !== undefined && { workers: options.workers }),
    ...(options.site !== undefined && { site: options.site }),
    ...(options.onDisconnect !== undefined && { onDisconnect: options.onDisconnect }),
    ...(options.drainMs !== undefined && { limits: { ...config.limits, drainMs: options.drainMs } }),
    journal: { ...config.journal, ...(options.journal !== undefined && { engine: options.journal }) },
    log: { ...config.log, ...(options.logLevel !== undefined && { level: options.logLevel }) },
  })
}

/** With `--port` and no word on the operators' port, that follows the callers' port, unless a file set it. */
function followingPort(config: Config, port: number): number {
  return config.admin.port === usualPort + 1 ? port + 1 : config.admin.port
}
