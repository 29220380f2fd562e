/**
 * Finds what can be put behind the gateway without being told: local model servers on their usual ports, provider
 * keys.
 */
import type { ConfigInput } from '../config.ts'
import type { UpstreamKind } from '../fleet/upstream-kind.ts'
import { probe } from '../relay/wire/probe.ts'

/** Where the usual local servers listen when nobody says otherwise. */
const usualPlaces: readonly { name: string; kind: UpstreamKind; port: number }[] = [
  { name: 'ollama', kind: 'ollama', port: 11434 },
  { name: 'vllm', kind: 'vllm', port: 8000 },
  { name: 'sglang', kind: 'sglang', port: 30000 },
  { name: 'llama.cpp', kind: 'llamacpp', port: 8080 },
  { name: 'lm-studio', kind: 'lmstudio', port: 1234 },
]

const providers: readonly { name: string; variable: string; kind: UpstreamKind; url: string }[] = [
  { name: 'openai', variable: 'OPENAI_API_KEY', kind: 'openai', url: 'https://api.openai.com/v1' },
  { name: 'anthropic', variable: 'ANTHROPIC_API_KEY', kind: 'anthropic', url: 'https://api.anthropic.com/v1' },
  {
    name: 'gemini',
    variable: 'GEMINI_API_KEY',
    kind: 'compatible',
    url: 'https://generativelanguage.googleapis.com/v1beta/openai',
  },
  { name: 'mistral', variable: 'MISTRAL_API_KEY', kind: 'compatible', url: 'https://api.mistral.ai/v1' },
  { name: 'deepseek', variable: 'DEEPSEEK_API_KEY', kind: 'compatible', url: 'https://api.deepseek.com/v1' },
  { name: 'groq', variable: 'GROQ_API_KEY', kind: 'compatible', url: 'https://api.groq.com/openai/v1' },
  { name: 'openrouter', variable: 'OPENROUTER_API_KEY', kind: 'compatible', url: 'https://openrouter.ai/api/v1' },
]

/** A local server answers at once or is not there. */
const probeMs = 700

export interface Discovery {
  readonly upstreams: ConfigInput['upstreams']
  /** One line for each thing found, for people. */
  readonly notes: readonly string[]
}

/** `ownPort`: the port we are going to listen on, where nobody else is looked for. */
export async function discover(
  environment: Readonly<Record<string, string | undefined>>,
  ownPort: number,
): Promise<Discovery> {
  const upstreams: ConfigInput['upstreams'] = {}
  const notes: string[] = []
  const places = usualPlaces.filter(({ port }) => port !== ownPort)
  const findings = await Promise.allSettled(
    places.map(({ kind, port }) => probe(new URL(`http://127.0.0.1:${port}/v1`), { kind, key: null }, probeMs)),
  )
  places.forEach(({ name, kind, port }, i) => {
    const finding = findings[i]
    if (finding?.status !== 'fulfilled') return
    const real = finding.value.kind ?? kind
    const { models } = finding.value
    if (!models) return // something else listens there
    upstreams[name] = { url: `http://127.0.0.1:${port}/v1`, kind: real }
    notes.push(`${name} on port ${port}: ${listed(models)}`)
  })
  for (const { name, variable, kind, url } of providers) {
    if (!environment[variable]) continue
    upstreams[name] = { url, kind, key: `env:${variable}` }
    notes.push(`${name}, by the key in ${variable}`)
  }
  return { upstreams, notes }
}

function listed(models: readonly string[]): string {
  if (models.length === 0) return 'no model loaded'
  return `${models.slice(0, 4).join(', ')}${models.length > 4 ? ` and ${models.length - 4} more` : ''}`
}
