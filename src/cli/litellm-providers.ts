/** Providers as LiteLLM names them before the slash of a model, and where and how they are spoken to. */
import type { UpstreamKind } from '../fleet/upstream-kind.ts'

export interface Provider {
  /** It speaks OpenAI's language or Anthropic's. */
  readonly isSpoken: boolean
  readonly kind: UpstreamKind
  /** Where it is, unless a deployment says otherwise; undefined where each has its own. */
  readonly url: string | undefined
  /** What comes behind an address that has no path. */
  readonly path: string
  /** Where its key usually stands. */
  readonly key: string | undefined
}

const spoken = (kind: UpstreamKind, url?: string, variable?: string, path = '/v1'): Provider => ({
  ...{ isSpoken: true, kind, url, path },
  key: variable === undefined ? undefined : `env:${variable}`,
})
const unspoken: Provider = { isSpoken: false, kind: 'compatible', url: undefined, path: '', key: undefined }

export const providers: Readonly<Record<string, Provider>> = {
  openai: spoken('openai', 'https://api.openai.com/v1', 'OPENAI_API_KEY'),
  'text-completion-openai': spoken('openai', 'https://api.openai.com/v1', 'OPENAI_API_KEY'),
  anthropic: spoken('anthropic', 'https://api.anthropic.com/v1', 'ANTHROPIC_API_KEY'),
  mistral: spoken('mistral', 'https://api.mistral.ai/v1', 'MISTRAL_API_KEY'),
  deepseek: spoken('deepseek', 'https://api.deepseek.com/v1', 'DEEPSEEK_API_KEY'),
  groq: spoken('compatible', 'https://api.groq.com/openai/v1', 'GROQ_API_KEY'),
  together_ai: spoken('compatible', 'https://api.together.xyz/v1', 'TOGETHERAI_API_KEY'),
  fireworks_ai: spoken('compatible', 'https://api.fireworks.ai/inference/v1', 'FIREWORKS_AI_API_KEY'),
  openrouter: spoken('compatible', 'https://openrouter.ai/api/v1', 'OPENROUTER_API_KEY'),
  xai: spoken('compatible', 'https://api.x.ai/v1', 'XAI_API_KEY'),
  gemini: spoken('compatible', 'https://generativelanguage.googleapis.com/v1beta/openai', 'GEMINI_API_KEY'),
  hosted_vllm: spoken('vllm'),
  vllm: spoken('vllm'),
  ollama: spoken('ollama', 'http://localhost:11434/v1'),
  ollama_chat: spoken('ollama', 'http://localhost:11434/v1'),
  lm_studio: spoken('lmstudio'),
  openai_like: spoken('compatible'),
  custom_openai: spoken('compatible'),
  huggingface: spoken('tgi'),
  azure: unspoken,
  azure_ai: unspoken,
  bedrock: unspoken,
  sagemaker: unspoken,
  vertex_ai: unspoken,
}
