/**
 * What a configuration of the LiteLLM proxy means in ours. Deployments become upstreams (one for each address and key),
 * models with several of them become pools, fallbacks become members of a later priority. Pure.
 */
import type { ConfigInput } from '../config.ts'
import { z } from '../ground/schema.ts'
import { providers } from './litellm-providers.ts'

export interface Imported {
  readonly config: ConfigInput
  /** What has no counterpart here, or is done in another way; a sentence each. */
  readonly notes: readonly string[]
}

// Empty values stand for nothing, and what is a number for one reader of YAML is text for another.
const text = z
  .union([z.string(), z.number()])
  .nullish()
  .transform((value) => (value === null || value === undefined || value === '' ? undefined : String(value)))
const number = z
  .union([z.number(), z.string().regex(/^\d{1,15}(\.\d{1,15})?([eE]-?\d{1,2})?$/), z.literal('')])
  .nullish()
  .transform((value) => (value === null || value === undefined || value === '' ? undefined : Number(value)))

/** What is read of the file; the rest is told of, where it matters. */
const deploymentSchema = z.looseObject({
  model_name: z.string().min(1).max(256),
  litellm_params: z.looseObject({
    model: z.string().min(1),
    api_base: text,
    base_url: text,
    api_key: text,
    weight: number,
    order: number,
    rpm: z.unknown().optional(),
    tpm: z.unknown().optional(),
    input_cost_per_token: number,
    output_cost_per_token: number,
  }),
  model_info: z.looseObject({ input_cost_per_token: number, output_cost_per_token: number }).nullish(),
})
const namesSchema = z.array(z.record(z.string(), z.array(z.string())))
const settingsSchema = z.looseObject({
  request_timeout: number,
  timeout: number,
  fallbacks: namesSchema.nullish(),
  model_group_alias: z.record(z.string(), z.unknown()).nullish(),
})
const fileSchema = z.looseObject({
  model_list: z.array(deploymentSchema).min(1).max(10_000),
  litellm_settings: settingsSchema.nullish(),
  router_settings: settingsSchema.nullish(),
  general_settings: z.looseObject({ master_key: text }).nullish(),
})
type Deployment = z.output<typeof deploymentSchema>
type Upstreams = ConfigInput['upstreams']
type Pools = NonNullable<ConfigInput['pools']>
type Member = Exclude<Pools[string]['upstreams'][number], string>

/** One deployment, where it is and what it is called there. */
interface Place {
  readonly upstream: string
  readonly model: string
  readonly weight: number | undefined
  readonly priority: number
}

/** @throws {Error} when there is no list of models to go by. */
export function fromLitellm(value: unknown): Imported {
  const read = fileSchema.safeParse(value)
  if (!read.success) {
    const [issue] = read.error.issues
    throw new Error(`This is no configuration of LiteLLM: ${issue?.path.join('.') || 'the file'}: ${issue?.message}.`)
  }
  const notes = new Set<string>()
  const { model_list: list, litellm_settings: own, router_settings: router, general_settings: general } = read.data
  const upstreams: Upstreams = {}
  const places = new Map<string, Place[]>()
  const prices = new Map<string, { input: number; output: number }>()
  for (const deployment of list) {
    const place = placeOf(deployment, upstreams, notes)
    if (!place) continue
    places.set(deployment.model_name, [...(places.get(deployment.model_name) ?? []), place])
    const price = priceOf(deployment)
    if (price) prices.set(deployment.model_name, price)
  }
  if (places.size === 0) throw new Error(`None of its models can be served from here. ${[...notes].join(' ')}`)
  addFallbacks(places, [...(own?.fallbacks ?? []), ...(router?.fallbacks ?? [])], notes)
  const pools: Pools = {}
  const models: NonNullable<ConfigInput['models']> = {}
  for (const [name, members] of places)
    models[name] = { ...modelOf(name, members, pools), ...(prices.has(name) && { price: prices.get(name) }) }
  for (const [alias, target] of Object.entries(router?.model_group_alias ?? {})) {
    const named = typeof target === 'string' ? target : String((target as { model?: unknown } | null)?.model)
    const model = models[named]
    if (model) models[alias] = { ...model, as: model.as ?? named }
    else notes.add(`The alias ${alias} is left out: there is no model ${named}.`)
  }
  noteOthers(read.data, notes)
  const seconds = own?.request_timeout ?? router?.timeout
  const master = readMasterKey(general?.master_key, notes)
  const config: ConfigInput = {
    upstreams,
    ...(Object.keys(pools).length > 0 && { pools }),
    models,
    ...(master !== undefined && { keys: [{ name: 'master', key: master }] }),
    ...(seconds !== undefined && seconds > 0 && { timeouts: { totalMs: Math.round(seconds * 1000) } }),
  }
  return { config, notes: [...notes] }
}

function placeOf(
  { model_name: name, litellm_params: params }: Deployment,
  upstreams: Upstreams,
  notes: Set<string>,
): Place | null {
  const [prefix, rest] = splitModel(params.model)
  const provider = providers[prefix ?? 'openai']
  const base = params.api_base ?? params.base_url ?? provider?.url
  if (!provider?.isSpoken || base === undefined || name.includes('*')) {
    const why = name.includes('*')
      ? 'patterns are not taken; upstreams that are asked for their models offer all of these'
      : provider?.isSpoken === false || !provider
        ? `${prefix ?? params.model} does not speak the language of OpenAI or Anthropic at an address of its own`
        : 'it has no `api_base`'
    notes.add(`${name} (${params.model}) is left out: ${why}.`)
    return null
  }
  if ((params.rpm ?? params.tpm ?? null) !== null)
    notes.add(
      '`rpm` and `tpm` of deployments are left out: how much a server takes is found out, and its 429 is obeyed.',
    )
  const url = withVersion(base, provider.path)
  if (!URL.canParse(url)) notes.add(`What ${url} says must be the whole address, such as http://gpu1:8000/v1.`)
  const key = params.api_key === undefined ? provider.key : secretOf(params.api_key)
  const upstream = upstreamFor(upstreams, { url, kind: provider.kind, key })
  const entry = upstreams[upstream]
  if (entry) entry.models = [...new Set([...(entry.models ?? []), rest])]
  return { upstream, model: rest, weight: params.weight, priority: Math.max(0, Math.round(params.order ?? 0)) }
}

/** `openai/gpt-4o` into its provider and the rest; a name without a known provider is one of OpenAI's. */
function splitModel(model: string): [string | null, string] {
  const slash = model.indexOf('/')
  const prefix = slash === -1 ? null : model.slice(0, slash)
  return prefix !== null ? [prefix, model.slice(slash + 1)] : [null, model]
}

interface Address {
  readonly url: string
  readonly kind: NonNullable<Upstreams[string]['kind']>
  readonly key: string | undefined
}

/** Deployments with the same address and key are one upstream. */
function upstreamFor(upstreams: Upstreams, { url, kind, key }: Address): string {
  const known = Object.entries(upstreams).find(([, each]) => each.url === url && each.key === key)
  if (known) return known[0]
  const place = URL.canParse(url) ? new URL(url).host : url.toLowerCase()
  const base = place.replace(/[^\w.:@-]/g, '').slice(0, 56)
  let name = base
  for (let i = 2; name in upstreams; i++) name = `${base}-${i}`
  upstreams[name] = { url, ...(kind !== 'compatible' && { kind }), ...(key !== undefined && { key }), models: [] }
  return name
}

/** Ours end in the path of the version, theirs may. */
function withVersion(base: string, path: string): string {
  const variable = variableOf(base)
  // What it says is known where it is read: there it has to be the whole.
  if (variable !== null) return `\${${variable}}`
  if (!URL.canParse(base)) throw new Error(`${JSON.stringify(base.slice(0, 100))} is no URL.`)
  const url = base.replace(/\/+$/, '')
  return new URL(url).pathname === '/' ? `${url}${path}` : url
}

/** `os.environ/NAME` is how LiteLLM names a variable of the environment. */
function variableOf(value: string): string | null {
  return /^os\.environ\/([A-Za-z_]\w*)$/.exec(value.trim())?.[1] ?? null
}

function secretOf(value: string): string {
  const variable = variableOf(value)
  return variable === null ? value : `env:${variable}`
}

function priceOf({ litellm_params: params, model_info: info }: Deployment): { input: number; output: number } | null {
  const input = params.input_cost_per_token ?? info?.input_cost_per_token
  const output = params.output_cost_per_token ?? info?.output_cost_per_token
  if (input === undefined && output === undefined) return null
  return { input: perMillion(input ?? 0), output: perMillion(output ?? 0) }
}

/** A gateway that was closed does not become an open one. */
function readMasterKey(told: string | undefined, notes: Set<string>): string | undefined {
  const key = told === undefined ? undefined : secretOf(told)
  if (key === undefined || key.startsWith('env:') || key.length >= keyLengthMin) return key
  notes.add(
    `The \`master_key\` is too short: a key has at least ${keyLengthMin} characters here. Put a better one into MASTER_KEY.`,
  )
  return 'env:MASTER_KEY'
}

/** Of callers' keys. */
const keyLengthMin = 8
const perMillion = (perToken: number): number => Math.round(perToken * 1e12) / 1e6

/** Whoever stands in for a model comes after all of its own. */
function addFallbacks(
  places: Map<string, Place[]>,
  fallbacks: readonly Readonly<Record<string, readonly string[]>>[],
  notes: Set<string>,
): void {
  const own = new Map(places)
  for (const [name, others] of fallbacks.flatMap((each) => Object.entries(each))) {
    const members = places.get(name)
    for (const other of others) {
      const standIns = own.get(other)
      if (!members || !standIns) {
        notes.add(`The fallback from ${name} to ${other} is left out: there is no such model.`)
        continue
      }
      const last = Math.max(...members.map(({ priority }) => priority))
      members.push(...standIns.map((place) => ({ ...place, priority: last + 1 })))
    }
  }
}

/** Each model has a pool of its own, so that nobody answers for it who was not named. */
function modelOf(name: string, members: readonly Place[], pools: Pools): { pool?: string; as?: string } {
  const [first] = members
  const isAlike = members.every(({ model }) => model === first?.model)
  const as = isAlike && first && first.model !== name ? { as: first.model } : {}
  const plain = name.replace(/[^\w.:@-]/g, '-').slice(0, 56)
  let pool = plain
  for (let i = 2; pool in pools; i++) pool = `${plain}-${i}`
  pools[pool] = {
    upstreams: members.map(({ upstream, model, weight, priority }): Member | string => {
      const more = {
        ...(weight !== undefined && { weight: Math.max(1, Math.round(weight)) }),
        ...(priority > 0 && { priority }),
        ...(!isAlike && model !== name && { model }),
      }
      return Object.keys(more).length === 0 ? upstream : { name: upstream, ...more }
    }),
  }
  return { pool, ...as }
}

const known = new Set(['model_list', 'litellm_settings', 'router_settings', 'general_settings'])
const done = new Set(['request_timeout', 'timeout', 'fallbacks', 'model_group_alias', 'master_key'])

function noteOthers(file: Readonly<Record<string, unknown>>, notes: Set<string>): void {
  for (const section of Object.keys(file)) if (!known.has(section)) notes.add(`\`${section}\` is left out.`)
  const names = ['litellm_settings', 'router_settings', 'general_settings'].flatMap((section) =>
    Object.keys((file[section] as object | null) ?? {})
      .filter((name) => !done.has(name))
      .map((name) => `${section}.${name}`),
  )
  if (names.length > 0) notes.add(`Not taken over: ${names.slice(0, 30).join(', ')}.`)
}
