/** The `/metrics` page: vLLM's names, or llama.cpp's. */
import type { Histogram } from '../engine/histogram.ts'
import { blockTokens } from '../engine/kv-room.ts'
import type { Sim } from './sim.ts'

type Kind = 'gauge' | 'counter'

function vllmPage({ engine, settings }: Sim): string {
  const labels = `engine="0",model_name="${settings.model.replaceAll('"', '')}"`
  const { counters } = engine
  const lines: string[] = []
  const one = (kind: Kind, name: string, value: number, more = ''): void =>
    void lines.push(`# TYPE ${name} ${kind}`, `${name}{${labels}${more}} ${value}`)
  const histogram = (name: string, values: Histogram): void =>
    void lines.push(`# TYPE ${name} histogram`, ...values.lines(name, labels))
  one('gauge', 'vllm:num_requests_running', engine.runningCount)
  one('gauge', 'vllm:num_requests_waiting', engine.waitingCount)
  one('gauge', 'vllm:kv_cache_usage_perc', engine.room.usage)
  one('gauge', 'vllm:cache_config_info', 1, `,block_size="${blockTokens}",num_gpu_blocks="${engine.room.blockCount}"`)
  one('counter', 'vllm:prefix_cache_queries_total', counters.prefixQueries)
  one('counter', 'vllm:prefix_cache_hits_total', counters.prefixHits)
  one('counter', 'vllm:num_preemptions_total', counters.preemptions)
  one('counter', 'vllm:prompt_tokens_total', counters.promptTokens)
  one('counter', 'vllm:generation_tokens_total', counters.generationTokens)
  lines.push('# TYPE vllm:request_success_total counter')
  for (const [reason, count] of Object.entries(counters.ended))
    lines.push(`vllm:request_success_total{${labels},finished_reason="${reason}"} ${count}`)
  histogram('vllm:iteration_tokens_total', counters.iterationTokens)
  histogram('vllm:time_to_first_token_seconds', counters.firstTokenSeconds)
  histogram('vllm:inter_token_latency_seconds', counters.interTokenSeconds)
  histogram('vllm:e2e_request_latency_seconds', counters.wholeSeconds)
  histogram('vllm:request_queue_time_seconds', counters.queueSeconds)
  histogram('vllm:request_prefill_time_seconds', counters.prefillSeconds)
  histogram('vllm:request_decode_time_seconds', counters.decodeSeconds)
  one('gauge', 'process_resident_memory_bytes', process.memoryUsage.rss())
  return `${lines.join('\n')}\n`
}

function llamacppPage({ engine }: Sim): string {
  const { counters } = engine
  const perSecond = (tokens: number, seconds: number): number => (seconds > 0 ? tokens / seconds : 0)
  const lines: string[] = []
  const one = (kind: Kind, name: string, value: number): void =>
    void lines.push(`# TYPE llamacpp:${name} ${kind}`, `llamacpp:${name} ${value}`)
  one('counter', 'prompt_tokens_total', counters.promptTokens)
  one('counter', 'tokens_predicted_total', counters.generationTokens)
  one('counter', 'n_decode_total', counters.iterationTokens.count)
  one('gauge', 'n_busy_slots_per_decode', perSecond(counters.generationTokens, counters.iterationTokens.count))
  one('gauge', 'prompt_tokens_seconds', perSecond(counters.promptTokens, counters.prefillSeconds.sum))
  one('gauge', 'predicted_tokens_seconds', perSecond(counters.generationTokens, counters.decodeSeconds.sum))
  one('gauge', 'requests_processing', engine.runningCount)
  one('gauge', 'requests_deferred', engine.waitingCount)
  return `${lines.join('\n')}\n`
}

export function toMetricsPage(sim: Sim): string {
  return sim.profile.name === 'llamacpp' ? llamacppPage(sim) : vllmPage(sim)
}
