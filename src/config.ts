/**
 * Joins the rooms' schemas into one configuration: what was read from files (`config-file.ts`) and flags is checked
 * here. It is loaded by the supervisor and by commands; workers are told the outcome, and need no schemas and no YAML.
 */
import { accessSchema } from './edge/address/access-options.ts'
import { crowdSchema } from './edge/crowd/crowd-options.ts'
import { adminSchema } from './edge/admin-options.ts'
import { isLoopback } from './edge/admin-token.ts'
import { keySchema } from './edge/key-options.ts'
import { usersSchema } from './edge/keys/user-options.ts'
import { streamsSchema } from './edge/durable-streams/streams-options.ts'
import { tlsSchema, offersTls } from './edge/tls/tls-options.ts'
import { limitsSchema } from './edge/limits.ts'
import { listenerSchema } from './edge/listener-options.ts'
import { webSchema } from './edge/web/web-options.ts'
import { alertsSchema } from './alert/alert-options.ts'
import { modelSchema } from './fleet/model-options.ts'
import { poolSchema, timeoutsSchema } from './fleet/pool-options.ts'
import { upstreamSchema } from './fleet/upstream-options.ts'
import { checkDeployments } from './control/check-deployments.ts'
import { withDeployed } from './control/deployed-pools.ts'
import { poolsOf } from './control/joined-pools.ts'
import { controlSchema, deploymentsSchema } from './control/deployment-options.ts'
import { driversSchema } from './fleet/driver/drivers-options.ts'
import { ConfigError, type Problem } from './ground/config-error.ts'
import { nearestName } from './ground/name.ts'
import { z } from './ground/schema.ts'
import { objectivesSchema } from './objective/objective-options.ts'
import { logSchema } from './observe/log-options.ts'
import { telemetrySchema } from './observe/otlp/otlp-options.ts'
import { cacheSchema } from './relay/cache-options.ts'
import { overloadSchema } from './relay/overload/overload-options.ts'
import { hedgingSchema } from './relay/overload/hedge-options.ts'
import { retriesSchema } from './relay/overload/retry-options.ts'
import { breakerSchema } from './relay/overload/breaker-options.ts'
import { quarantineSchema } from './relay/overload/quarantine-options.ts'
import { protectionSchema } from './relay/overload/protection.ts'
import { continuationSchema } from './relay/stream/continuation-options.ts'
import { statusSchema } from './status/status-options.ts'
import { journalSchema } from './store/journal-options.ts'
import { recordSchema } from './store/record-options.ts'

const name = z.string().regex(/^[\w.:@-]{1,64}$/, 'letters, digits, and . : _ @ - only')

export const configSchema = z
  .strictObject({
    include: z.array(z.string().min(1)).max(100).default([]).meta({
      description:
        'Files that are a part of this one, relative to it; `*` stands for any name in a folder. Maps are joined; else this file wins over what it includes, and a later file over an earlier one.',
    }),
    reload: z.enum(['watch', 'asked']).default('asked').meta({
      description:
        'When changed files of the configuration are taken up: `watch`, by themselves within some seconds; `asked`, by `holdfast reload` or `holdfast restart`.',
    }),
    site: z
      .string()
      .regex(/^[a-z0-9]{1,12}$/, '1 to 12 characters of a-z and 0-9')
      .default('local')
      .meta({ description: 'Where this gateway stands; part of every Ray ID.' }),
    stateDir: z
      .string()
      .default('.holdfast')
      .meta({ description: 'Folder for the journal. Relative to the working directory.' }),
    workers: z.int().min(1).max(64).optional().meta({
      description:
        'Processes that share the listening ports and the journal: when one dies, another goes on with its answers. Default: 2; with a journal or streams in memory, which cannot be shared, 1.',
    }),
    listeners: z
      .array(listenerSchema)
      .min(1)
      .max(16)
      .default([{ host: '127.0.0.1', port: 5020 }])
      .meta({ description: 'Where callers connect.' }),
    tls: tlsSchema,
    access: accessSchema,
    guard: crowdSchema,
    admin: adminSchema,
    upstreams: z
      .record(name, upstreamSchema)
      .default({})
      .meta({ description: 'Model servers and providers, by name.' }),
    deployments: deploymentsSchema,
    control: controlSchema,
    drivers: driversSchema,
    pools: z.record(name, poolSchema).default({}).meta({
      description: 'Upstreams that can stand in for each other, by name. Default: one pool, `all`, of all upstreams.',
    }),
    models: z
      .record(z.string().min(1).max(256), modelSchema)
      .default({})
      .meta({ description: 'Names under which models are offered, beside those that the upstreams report.' }),
    keys: z
      .array(keySchema)
      .max(10_000)
      .default([])
      .meta({ description: 'Keys of callers. Without any, everyone who reaches a listener may call.' }),
    users: usersSchema.default([]).meta({
      description: 'Identity providers whose tokens (JWT) are taken in the place of keys.',
    }),
    onDisconnect: z.enum(['cancel', 'detach']).default('detach').meta({
      description:
        'When the last reader of an answer leaves: `detach` lets it finish into the journal, where it can be read again, `cancel` stops the upstream. Answers that the caller asked to store always finish.',
    }),
    timeouts: timeoutsSchema,
    limits: limitsSchema,
    overload: overloadSchema,
    protection: protectionSchema,
    journal: journalSchema,
    cache: cacheSchema,
    continuation: continuationSchema,
    retries: retriesSchema,
    hedging: hedgingSchema,
    breaker: breakerSchema,
    quarantine: quarantineSchema,
    streams: streamsSchema,
    record: recordSchema,
    objectives: objectivesSchema,
    alerts: alertsSchema,
    status: statusSchema,
    log: logSchema,
    telemetry: telemetrySchema,
    web: webSchema,
  })
  .meta({ title: 'holdfast.yaml', description: 'Configuration of a Holdfast gateway.' })

export type Config = Omit<z.output<typeof configSchema>, 'workers'> & { readonly workers: number }
type Input = z.input<typeof configSchema>
export type ConfigInput = Input & { readonly upstreams: NonNullable<Input['upstreams']> }

/** Where a value of the configuration stands in its file. */
export type Locate = (path: readonly PropertyKey[]) => string

/** Checks a configuration that does not come from a file. @throws {ConfigError} */
export function checkConfig(input: unknown, locate: Locate = () => 'flags'): Config {
  const result = configSchema.safeParse(input)
  if (!result.success) throw new ConfigError(result.error.issues.flatMap((issue) => problemsOf(issue, locate, input)))
  const { journal, streams } = result.data
  const isShared = journal.engine !== 'memory'
  const workers = result.data.workers ?? (isShared && streams.engine !== 'memory' ? 2 : 1)
  const config = { ...result.data, workers }
  const checks = [checkReferences, checkDeployments, checkEmptyPools, checkSemantic, checkTls, checkRemote, checkRoutes]
  const problems = checks.flatMap((check) => check(config, locate))
  if (problems.length === 0) Object.assign(config, withDeployed(config))
  if (!isShared && config.workers > 1) {
    problems.push({
      place: locate(['workers']),
      field: 'workers',
      message: 'workers do not share a journal in memory',
      cure: 'Use `journal: { engine: sqlite }`, or one worker.',
    })
  }
  if (problems.length > 0) throw new ConfigError(problems)
  return config
}

type Issue = z.core.$ZodIssue

function problemsOf(issue: Issue, locate: Locate, input: unknown): Problem[] {
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(issue.path)
    return issue.keys.map((key) => {
      const near = nearestName(key, known)
      const cure = near ? `Did you mean \`${near}\`?` : `Known here are: ${known.join(', ')}.`
      return {
        place: locate([...issue.path, key]),
        field: [...issue.path, key].join('.'),
        message: 'unknown key',
        cure,
      }
    })
  }
  if (issue.code === 'invalid_union') {
    const inner = issue.errors.find((each) => each.some(({ code }) => code !== 'invalid_type')) ?? issue.errors[0]
    if (inner?.length)
      return inner.flatMap((each) => problemsOf({ ...each, path: [...issue.path, ...each.path] }, locate, input))
  }
  const field = issue.path.join('.')
  return [
    {
      place: locate(issue.path),
      field,
      message: issue.message.replace(/^Invalid input: /, ''),
      cure: cureFor(issue.path),
    },
  ]
}

/** The JSON Schema of the whole file; also published as `holdfast schema`. */
export function configJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(configSchema, { io: 'input', target: 'draft-2020-12' }) as Record<string, unknown>
}

interface Node {
  readonly properties?: Record<string, Node>
  readonly additionalProperties?: Node | boolean
  readonly items?: Node
  readonly anyOf?: Node[]
  readonly description?: string
}

function nodeAt(path: readonly PropertyKey[]): Node | undefined {
  let nodes: (Node | undefined)[] = [configJsonSchema()]
  for (const part of path) {
    nodes = nodes
      .flatMap((node) => [node, ...(node?.anyOf ?? [])])
      .map((node) => {
        if (typeof part === 'number') return node?.items
        return (
          node?.properties?.[String(part)] ??
          (typeof node?.additionalProperties === 'object' ? node.additionalProperties : undefined)
        )
      })
      .filter((node) => node !== undefined)
  }
  return nodes.flatMap((node) => [node, ...(node?.anyOf ?? [])]).find((node) => node?.properties) ?? nodes[0]
}

function knownKeys(path: readonly PropertyKey[]): string[] {
  return Object.keys(nodeAt(path)?.properties ?? {})
}

function cureFor(path: readonly PropertyKey[]): string {
  const description = nodeAt(path)?.description
  return description ? `What it is: ${description}` : 'See docs/reference/config.md.'
}

/** Names that must exist elsewhere in the file. */
function checkReferences(config: Config, locate: Locate): Problem[] {
  const problems: Problem[] = []
  const upstreams = Object.keys(config.upstreams)
  const pools = [...Object.keys(config.pools), ...poolsOf(config.deployments)]
  const miss: Miss = (path, what, wanted, known) => {
    const near = nearestName(wanted, known)
    const cure = near
      ? `Did you mean \`${near}\`?`
      : known.length > 0
        ? `There are: ${known.join(', ')}.`
        : `Add it under \`${what}s\`.`
    problems.push({
      place: locate(path),
      field: path.join('.'),
      message: `there is no ${what} named ${JSON.stringify(wanted)}`,
      cure,
    })
  }
  if (upstreams.length + Object.keys(config.deployments).length === 0) {
    const cure = 'Add at least one, e.g. `upstreams: { gpu1: { url: http://127.0.0.1:8000/v1 } }`.'
    problems.push({ place: locate(['upstreams']), field: 'upstreams', message: 'there is no upstream', cure })
  }
  for (const [pool, { upstreams: members }] of Object.entries(config.pools)) {
    members.forEach((member, i) => {
      const wanted = typeof member === 'string' ? member : member.name
      if (!upstreams.includes(wanted)) miss(['pools', pool, 'upstreams', i], 'upstream', wanted, upstreams)
    })
  }
  for (const [model, { pool }] of Object.entries(config.models)) {
    if (pool !== undefined && !pools.includes(pool)) miss(['models', model, 'pool'], 'pool', pool, pools)
  }
  for (const check of [checkMaintenance, checkSites]) check(config, miss)
  if (config.streams.engine === 'memory' && config.workers > 1) {
    const cure = 'Leave `streams.engine` at `sqlite`, or set `workers: 1`.'
    const message = `${config.workers} workers cannot share streams in memory`
    problems.push({ place: locate(['streams', 'engine']), field: 'streams.engine', message, cure })
  }
  if (!isLoopback(config.admin.host) && config.admin.token === undefined) {
    const cure = 'Set `admin.token` (`env:NAME` or `file:PATH`), or leave `admin.host` at 127.0.0.1.'
    const message = `operators could be reached at ${config.admin.host} by everyone: that needs a token`
    problems.push({ place: locate(['admin', 'host']), field: 'admin.host', message, cure })
  }
  const { headersMs, requestMs } = config.limits
  if (requestMs < headersMs) {
    const cure = 'Raise it, or lower `limits.headersMs`: the headers are a part of the request.'
    const message = `a request has ${requestMs} ms, and its headers alone have ${headersMs} ms`
    problems.push({ place: locate(['limits', 'requestMs']), field: 'limits.requestMs', message, cure })
  }
  const names = config.keys.map((key) => key.name)
  config.keys.forEach((key, i) => {
    if (names.indexOf(key.name) === i) return
    problems.push({
      place: locate(['keys', i, 'name']),
      field: `keys.${i}.name`,
      message: `two keys are named ${key.name}`,
      cure: 'Give each its own name.',
    })
  })
  return [...problems, ...checkListeners(config, locate), ...checkUsers(config, locate)]
}

function checkEmptyPools({ pools, deployments }: Config, locate: Locate): Problem[] {
  const deployed = poolsOf(deployments)
  return Object.entries(pools).flatMap(([pool, { upstreams }]) => {
    if (upstreams.length > 0 || deployed.includes(pool)) return []
    const cure = 'Name at least one; only the pool of a deployment may have none.'
    const at = ['pools', pool, 'upstreams']
    return [{ place: locate(at), field: at.join('.'), message: 'nobody is in it', cure }]
  })
}

/** Keys that want answers by their meaning, where meanings are not compared. */
function checkSemantic({ keys, cache: { semantic } }: Config, locate: Locate): Problem[] {
  return keys.flatMap(({ cache }, i) => {
    if (cache !== 'semantic' || semantic) return []
    const cure = 'Name an embeddings model in `cache.semantic.model`, or say `all`.'
    const message = 'there is no `cache.semantic` by which meanings could be compared'
    return [{ place: locate(['keys', i, 'cache']), field: `keys.${i}.cache`, message, cure }]
  })
}

function checkRemote({ admin, tls }: Config, locate: Locate): Problem[] {
  if (!admin.remote || (offersTls(tls) && (admin.remote.clientCa ?? admin.token) !== undefined)) return []
  const cure = offersTls(tls) ? 'Set `clientCa`, or `admin.token`.' : 'Name a certificate under `tls`.'
  const message = offersTls(tls) ? 'everyone could ask who reaches it' : 'there is no certificate to speak TLS with'
  return [{ place: locate(['admin', 'remote']), field: 'admin.remote', message, cure }]
}

function checkTls({ listeners, tls }: Config, locate: Locate): Problem[] {
  if (offersTls(tls)) return []
  return listeners.flatMap((listener, i) => {
    const cure = 'Name one under `tls.certificates`, or an authority under `tls.acme`, or leave `tls` out here.'
    const message = 'TLS is asked for, and there is no certificate'
    const field = `listeners.${i}.tls`
    return listener.tls ? [{ place: locate(['listeners', i, 'tls']), field, message, cure }] : []
  })
}

/** A listener that nobody could reach. */
function checkListeners({ listeners, access }: Config, locate: Locate): Problem[] {
  if (access.trustedProxies.length > 0) return []
  return listeners.flatMap(({ proxyProtocol }, i) => {
    if (!proxyProtocol) return []
    const cure = 'Name the load balancers in `access.trustedProxies`, e.g. `[10.0.0.0/8]`.'
    const message = 'nobody may speak the PROXY protocol here, so nobody could connect'
    return [{ place: locate(['listeners', i]), field: `listeners.${i}.proxyProtocol`, message, cure }]
  })
}

/** A token says its issuer, and nothing else of where it belongs. */
function checkUsers({ users }: Config, locate: Locate): Problem[] {
  const issuers = users.map(({ issuer }) => issuer)
  return users.flatMap(({ issuer }, i) => {
    if (issuers.indexOf(issuer) === i) return []
    const message = `two entries are for ${issuer}`
    return [{ place: locate(['users', i]), field: `users.${i}.issuer`, message, cure: 'Join them.' }]
  })
}

/** Two routes for one address: one of them would never be seen. */
function checkRoutes({ web }: Config, locate: Locate): Problem[] {
  const places = web.routes.map(({ host = '', path }) => `${host}${path.replace(/(?<=.)\/$/, '')}`)
  return places.flatMap((place, i) => {
    if (places.indexOf(place) === i) return []
    const message = `another route has ${place} already`
    const cure = 'Give each its own `path` or `host`.'
    return [{ place: locate(['web', 'routes', i]), field: `web.routes.${i}`, message, cure }]
  })
}

type Miss = (path: PropertyKey[], what: string, wanted: string, known: string[]) => void

/** Components of visits name routes that there are. */
function checkSites({ web, status }: Config, miss: Miss): void {
  const paths = web.routes.map(({ path }) => path)
  for (const [i, { site }] of status.components.entries())
    for (const wanted of site)
      if (!paths.includes(wanted)) miss(['status', 'components', i, 'site'], 'web.route', wanted, paths)
}

function checkMaintenance({ upstreams, deployments, status }: Config, miss: Miss): void {
  // A deployment may be named as well: its rollouts may wait for the window.
  const servers = [...Object.keys(upstreams), ...Object.keys(deployments)]
  const components = status.components.map((each) => each.name)
  status.maintenance.forEach((window, i) => {
    const at = ['status', 'maintenance', i]
    window.upstreams.forEach((wanted, j) => {
      if (!servers.includes(wanted)) miss([...at, 'upstreams', j], 'upstream', wanted, servers)
    })
    window.components.forEach((wanted, j) => {
      // Without any named, there is one for each model that is called.
      if (components.length > 0 && !components.includes(wanted))
        miss([...at, 'components', j], 'component', wanted, components)
    })
  })
}
