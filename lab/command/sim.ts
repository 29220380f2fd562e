/** `holdfast lab sim`: a simulated model server as a process of its own. */
import { type EngineOptions, engineDefaults } from '../engine.ts'
import { faultKinds, parseFaultOrder } from '../fault-plan.ts'
import { type ProfileName, profileNames } from '../profile.ts'
import { openSimServer, type SimServerOptions } from '../sim-server.ts'
import { endWith, type LabCommand, sayReady, UsageError } from './command.ts'
import { type Flag, type FlagValues, parseFlags, toFlagHelp } from './flags.ts'

const flags = {
  host: { type: 'text', value: 'ADDRESS', says: 'address to listen on (127.0.0.1)' },
  port: { type: 'number', value: 'PORT', says: 'port to listen on; 0 = a free one (0)' },
  profile: { type: 'text', value: 'NAME', says: `which server to pass for: ${profileNames.join(', ')} (vllm)` },
  model: { type: 'text', value: 'NAME', says: 'name of the model (lab-model)' },
  'api-key': { type: 'text', value: 'KEY', says: 'the only key taken (openai, anthropic: any; others: none needed)' },
  slots: {
    type: 'number',
    value: 'N',
    says: 'sequences that run at once (by profile: 8; llamacpp 4, ollama 1, hosted 64)',
  },
  rate: {
    type: 'number',
    value: 'TOKENS/S',
    says: `tokens a second of one sequence alone (${engineDefaults.decodeRate})`,
  },
  'batch-cost': {
    type: 'number',
    value: 'SHARE',
    says: `longer step for each further sequence (${engineDefaults.batchCost})`,
  },
  'prefill-rate': {
    type: 'number',
    value: 'TOKENS/S',
    says: `prompt tokens read a second (${engineDefaults.prefillRate})`,
  },
  'step-tokens': { type: 'number', value: 'N', says: `most tokens in one step (${engineDefaults.stepTokensMax})` },
  'kv-blocks': { type: 'number', value: 'N', says: `memory, in blocks of 16 tokens (${engineDefaults.kvBlocks})` },
  'waiting-max': { type: 'number', value: 'N', says: 'requests that may wait before 503 (512; llamacpp 4096)' },
  speed: { type: 'number', value: 'FACTOR', says: 'everything in the engine this much faster (1)' },
  context: {
    type: 'number',
    value: 'TOKENS',
    says: 'longest prompt and answer together (131072, or what the memory holds)',
  },
  'answer-min': { type: 'number', value: 'TOKENS', says: 'shortest answer when nobody asks for a length (24)' },
  'answer-max': { type: 'number', value: 'TOKENS', says: 'longest such answer (96)' },
  'body-bytes-max': { type: 'number', value: 'BYTES', says: 'largest request (67108864)' },
  'requests-per-minute': { type: 'number', value: 'N', says: 'openai: more get 429; 0 = no limit (0)' },
  'echo-prefix': { type: 'switch', says: 'repeat a continued beginning, as some engines do' },
  answer: {
    type: 'text',
    value: 'KIND',
    says: '`fixed` by the prompt, or `random`: other words at every asking (fixed)',
  },
  fault: { type: 'texts', value: 'JSON', says: `a fault from the start, as for POST /lab/faults; may be repeated` },
  tied: { type: 'switch', says: 'end when standard input ends' },
} as const satisfies Record<string, Flag>

const help = `holdfast lab sim: a simulated model server

It has no model, but queues, batches, remembers prefixes and counts like one, and its answer to a prompt is always the
same: "w0-amber w1-birch …", so that a lost or repeated token shows. Put "tokens:120" into a prompt for an answer of 120.

Usage: holdfast lab sim [flags]

${toFlagHelp(flags)}

It prints one line of JSON when it listens: {"event":"ready","url":"http://127.0.0.1:41234",…}. Then try:

  curl $URL/v1/chat/completions -d '{"model":"lab-model","stream":true,"messages":[{"role":"user","content":"hi"}]}'

Make it fail, look at what it saw, and start afresh:

  curl $URL/lab/faults -d '{"kind":"cut","afterTokens":5,"count":1}'
  curl $URL/lab/calls
  curl -X POST $URL/lab/reset

Faults (fields: count, probability, seed, match {promptContains, route}, afterTokens, ms, retryAfterMs, factor, bytes,
keepOpen):

${Object.entries(faultKinds)
  .map(([kind, { says }]) => `  ${kind.padEnd(18)} ${says}`)
  .join('\n')}
`

function toProfile(name: string | undefined): ProfileName {
  const profile = profileNames.find((known) => known === (name ?? 'vllm'))
  if (!profile) throw new UsageError(`--profile is one of ${profileNames.join(', ')}; got "${name ?? ''}"`)
  return profile
}

function readsRandom(kind: string | undefined): boolean {
  if (kind === undefined || kind === 'fixed') return false
  if (kind === 'random') return true
  throw new UsageError(`--answer is fixed or random; got "${kind}"`)
}

/** Only what was given: the rest has its defaults elsewhere. */
function given<T extends object>(fields: { [Key in keyof T]?: T[Key] | undefined }): Partial<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<T>
}

function toOptions(values: FlagValues): SimServerOptions {
  const engine = given<EngineOptions>({
    slots: values.number('slots'),
    decodeRate: values.number('rate'),
    batchCost: values.number('batch-cost'),
    prefillRate: values.number('prefill-rate'),
    stepTokensMax: values.number('step-tokens'),
    kvBlocks: values.number('kv-blocks'),
    waitingMax: values.number('waiting-max'),
    speed: values.number('speed'),
  })
  for (const [name, value] of Object.entries(engine)) {
    if (value === 0 && name !== 'batchCost' && name !== 'waitingMax')
      throw new UsageError(`${name} must be more than 0`)
  }
  const min = values.number('answer-min') ?? 24
  const max = values.number('answer-max') ?? Math.max(min, 96)
  if (max < min) throw new UsageError('--answer-max must not be less than --answer-min')
  return {
    ...given<SimServerOptions>({
      host: values.text('host'),
      port: values.number('port'),
      model: values.text('model'),
      apiKey: values.text('api-key'),
      contextTokensMax: values.number('context'),
      bodyBytesMax: values.number('body-bytes-max'),
      requestsPerMinute: values.number('requests-per-minute'),
    }),
    profile: toProfile(values.text('profile')),
    echoesPrefix: values.has('echo-prefix'),
    answersAtRandom: readsRandom(values.text('answer')),
    answerRange: { min, max },
    engine,
    onCrash: () => process.exit(134),
  }
}

async function run(args: readonly string[]): Promise<void> {
  const values = parseFlags(args, flags)
  const options = toOptions(values)
  const orders = values.texts('fault').map((text) => {
    try {
      return parseFaultOrder(JSON.parse(text))
    } catch (error) {
      throw new UsageError(`--fault: ${error instanceof Error ? error.message : String(error)}`)
    }
  })
  const server = await openSimServer(options)
  for (const order of orders) server.order(order)
  endWith(() => server.close(), values.has('tied'))
  sayReady({ url: server.url, profile: options.profile, model: options.model ?? 'lab-model' })
}

export const simCommand: LabCommand = { help, run }
