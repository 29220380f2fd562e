// What engines say of themselves: the names of each, sums over replicas, and pages that make no sense.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type EngineGauges, loadNow, readEngineMetrics, readSlots } from './engine-metrics.ts'

const memory = { preemptions: null, kvBlocks: null, blockTokens: null, slots: null }

test('vLLM: counts are added over its replicas, its memory is as full as the fullest', () => {
  const page = `# HELP vllm:num_requests_running Number of requests
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="a"} 3.0
vllm:num_requests_running{engine="1",model_name="a"} 4.0
vllm:num_requests_waiting{engine="0",model_name="a"} 1.0
vllm:num_requests_waiting{engine="1",model_name="a"} 0.0
vllm:num_requests_waiting_by_reason{engine="0",reason="capacity"} 77
vllm:kv_cache_usage_perc{engine="0",model_name="a"} 0.25
vllm:kv_cache_usage_perc{engine="1",model_name="a"} 0.75
vllm:cache_config_info{block_size="16",engine="0",num_gpu_blocks="1000",x="a } \\" b"} 1.0
vllm:cache_config_info{block_size="16",engine="1",num_gpu_blocks="1200"} 1.0
vllm:iteration_tokens_total_count{engine="0",model_name="a"} 100.0
vllm:iteration_tokens_total_bucket{engine="0",le="+Inf"} 100.0
vllm:generation_tokens_total{engine="0",model_name="a"} 5.0e+2
vllm:num_preemptions_total{engine="0",model_name="a"} 2.0
vllm:num_preemptions_total{engine="1",model_name="a"} 1.0
`
  assert.deepEqual(readEngineMetrics(page), {
    waiting: 1,
    running: 7,
    kvUsage: 0.75,
    progress: 600,
    isStepwise: true,
    preemptions: 3,
    slots: null,
    kvBlocks: 2200,
    blockTokens: 16,
  })
})

test('vLLM before 0.9 called its memory otherwise', () => {
  const reading = readEngineMetrics('vllm:num_requests_running 2\nvllm:gpu_cache_usage_perc 0.5\n')
  assert.deepEqual([reading?.running, reading?.waiting, reading?.kvUsage, reading?.progress], [2, 0, 0.5, null])
})

test('SGLang: the ranks of one replica tell the same, replicas do not', () => {
  const page = `sglang:num_running_reqs{dp_rank="0",tp_rank="0"} 5
sglang:num_running_reqs{dp_rank="0",tp_rank="1"} 5
sglang:num_running_reqs{dp_rank="1",tp_rank="0"} 2
sglang:num_queue_reqs{dp_rank="0",tp_rank="0"} 9
sglang:token_usage{dp_rank="0"} 0.4
sglang:cache_config_info{page_size="64",num_pages="500"} 1
sglang:generation_tokens_total{model_name="m"} 12
`
  const reading = readEngineMetrics(page)
  assert.deepEqual([reading?.running, reading?.waiting, reading?.kvUsage], [7, 9, 0.4])
  assert.deepEqual([reading?.kvBlocks, reading?.blockTokens], [500, 64])
  assert.deepEqual([reading?.progress, reading?.isStepwise], [12, false], 'it is not counted with each step')
})

test('TensorRT-LLM, under its own server and under Triton', () => {
  const own = readEngineMetrics(
    'trtllm_num_requests_waiting 4\ntrtllm_num_requests_running 6\ntrtllm_kv_cache_utilization 0.1\ntrtllm_kv_cache_tokens_per_block 32',
  )
  assert.deepEqual([own?.waiting, own?.running, own?.kvUsage, own?.blockTokens], [4, 6, 0.1, 32])
  const triton = readEngineMetrics(`nv_trt_llm_request_metrics{model="m",request_type="waiting"} 3
nv_trt_llm_request_metrics{model="m",request_type="scheduled"} 8
nv_trt_llm_request_metrics{model="m",request_type="max"} 512
nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type="fraction",model="m"} 0.9`)
  assert.deepEqual([triton?.waiting, triton?.running, triton?.kvUsage], [3, 8, 0.9])
})

test('llama.cpp and TGI have counters of their steps', () => {
  const llama = readEngineMetrics(
    'llamacpp:requests_processing 1\nllamacpp:requests_deferred 2\nllamacpp:n_decode_total 40',
  )
  assert.deepEqual(llama, { waiting: 2, running: 1, kvUsage: null, progress: 40, isStepwise: true, ...memory })
  const tgi = readEngineMetrics(
    'tgi_queue_size 7\ntgi_batch_current_size 3\ntgi_batch_inference_count{method="decode"} 5\n',
  )
  assert.deepEqual([tgi?.waiting, tgi?.running, tgi?.progress, tgi?.isStepwise], [7, 3, 5, true])
})

test('llama.cpp tells of its slots where its metrics are turned off', () => {
  const slots = [
    { id: 0, id_task: 7, n_ctx: 4096, is_processing: true, next_token: { n_decoded: 12, has_next_token: true } },
    { id: 1, id_task: 3, n_ctx: 4096, is_processing: false, next_token: [{ n_decoded: 5 }] },
  ]
  const reading = readSlots(JSON.stringify(slots))
  assert.deepEqual([reading?.running, reading?.slots, reading?.waiting], [1, 2, 0])
  const next = readSlots(JSON.stringify([{ ...slots[0], next_token: { n_decoded: 13 } }, slots[1]]))
  assert.notEqual(reading?.progress, next?.progress)
  for (const text of ['', '{}', '[]', '[1]', '[null]', '<html>', '[{"is_processing":1}]'])
    assert.equal(readSlots(text), null)
})

const garbage: readonly (readonly [name: string, page: string])[] = [
  ['nothing', ''],
  ['a page of HTML', '<!doctype html><html><body>vllm:num_requests_running 3</body></html>'],
  ['JSON', '{"vllm:num_requests_running": 3}'],
  ['bytes', Buffer.from(Array.from({ length: 4096 }, (_, i) => (i * 7919) % 256)).toString('latin1')],
  ['a line without an end', `vllm:num_requests_running{${'x'.repeat(100_000)}`],
  ['labels without an end', 'vllm:num_requests_running{engine="0 3\n'],
  ['no number', 'vllm:num_requests_running{engine="0"}\nvllm:num_requests_running many\n'],
  ['no amounts', 'vllm:num_requests_running NaN\nvllm:num_requests_waiting +Inf\nvllm:num_requests_running -4\n'],
  ['more than there can be', 'vllm:num_requests_running 1e300\nvllm:num_requests_waiting 99999999999\n'],
  ['a number in another notation', 'vllm:num_requests_running 0x10\n'],
  ['names of others', 'http_requests_total 3\nprocess_open_fds 9\n'],
]
for (const [name, page] of garbage) {
  test(`nothing is made of ${name}`, () => assert.equal(readEngineMetrics(page), null))
}

test('what makes no sense does not spoil what does', () => {
  const page = `vllm:num_requests_running 3\nvllm:num_requests_waiting NaN\nvllm:kv_cache_usage_perc 47\n\u0000\u0001{}\n`
  const reading = readEngineMetrics(page)
  assert.deepEqual([reading?.running, reading?.waiting, reading?.kvUsage], [3, 0, null])
})

test('whatever the page says, the numbers are within their bounds', () => {
  const name = fc.constantFrom('vllm:num_requests_running', 'vllm:kv_cache_usage_perc', 'sglang:num_queue_reqs', 'x')
  const labels = fc.oneof(
    fc.constant(''),
    fc.string().map((text) => `{engine="${text}"}`),
  )
  const value = fc.oneof(fc.double().map(String), fc.string())
  const line = fc.tuple(name, labels, value).map(([left, middle, right]) => `${left}${middle} ${right}`)
  fc.assert(
    fc.property(fc.array(fc.oneof(line, fc.string())), (lines) => {
      const reading = readEngineMetrics(lines.join('\n'))
      if (!reading) return
      for (const count of [reading.waiting, reading.running]) assert.ok(count >= 0 && Number.isFinite(count))
      assert.ok(reading.kvUsage === null || (reading.kvUsage >= 0 && reading.kvUsage <= 1))
    }),
  )
})

const gauges = (more: Partial<EngineGauges>): EngineGauges => ({
  ...{ waiting: 0, running: 0, kvUsage: null, progress: null, isStepwise: false, ...memory },
  ...{ askedMs: 0, atMs: 0, ownCalls: 0, ...more },
})

test('what we sent since counts as well, and what we got back does not any more', () => {
  assert.deepEqual(loadNow(gauges({ running: 2, ownCalls: 2 }), 5), { waiting: 0, running: 5 })
  assert.deepEqual(loadNow(gauges({ running: 4, slots: 4, ownCalls: 4 }), 6), { waiting: 2, running: 4 })
  assert.deepEqual(loadNow(gauges({ running: 4, slots: 4, ownCalls: 9 }), 9), { waiting: 5, running: 4 })
  assert.deepEqual(loadNow(gauges({ running: 4, waiting: 3, ownCalls: 7 }), 9), { waiting: 5, running: 4 })
  assert.deepEqual(loadNow(gauges({ running: 4, waiting: 3, ownCalls: 7 }), 2), { waiting: 0, running: 2 })
  assert.deepEqual(loadNow(gauges({ running: 1, ownCalls: 9 }), 0), { waiting: 0, running: 0 })
})

test('a page of endless digits is read as fast as any other', () => {
  // By the square of its length, one such line took three seconds.
  const line = `vllm:num_requests_waiting ${'1'.repeat(16_000)}x\n`
  assert.equal(readEngineMetrics(`${line.repeat(100)}vllm:num_requests_waiting 3\n`)?.waiting, 3)
})
