/** Bodies and files that are no language of models: what operators, engines, subscribers and other programs write. */
import { Readable } from 'node:stream'
import type { IncomingMessage } from 'node:http'
import { fromLitellm } from '../../../src/cli/from-litellm.ts'
import { checkConfig } from '../../../src/config.ts'
import { readYaml } from '../../../src/config-file.ts'
import { answerRecord } from '../../../src/edge/admin-record.ts'
import { readWrite } from '../../../src/edge/admin-write.ts'
import { firstOf, fromRecords, jsonMessages, toRecords } from '../../../src/edge/durable-streams/records.ts'
import { readFields } from '../../../src/edge/status/subscription-fields.ts'
import {
  parseConfig,
  parseFields,
  parseReport,
  parseStreams,
  parseWorker,
} from '../../../src/edge/subscriptions/subscription-request.ts'
import { readEngineMetrics, readSlots } from '../../../src/fleet/engine-metrics.ts'
import { readSpeedBook } from '../../../src/fleet/read-speed-book.ts'
import { expand } from '../../../src/ground/expand.ts'
import { certificateId } from '../../../src/house/tls/renewal-info.ts'
import { readPair } from '../../../src/house/tls/read-pair.ts'
import { readRow } from '../../../src/observe/fact-row.ts'
import { orderOf } from '../../../src/relay/parcel.ts'
import { ManualClock } from '../../../src/ground/manual-clock.ts'
import { readSnapshot } from '../../../src/status/page/snapshot.ts'
import { readEntry } from '../../../src/status/read-entry.ts'
import { readMaintenance } from '../../../src/status/maintenance/maintenance-event.ts'
import { readMonth } from '../../../src/status/report/month.ts'
import { readRequest } from '../../../src/status/subscription/subscription-request.ts'
import { readToken, tokenOf } from '../../../src/status/subscription/subscription-token.ts'
import { byName, must, type Target } from '../target.ts'
import { certificatePem, keyPem } from './certificate.ts'

const nowMs = Date.UTC(2026, 10, 28)
const words = (...each: string[]): readonly string[] => each

/** A request of which only the body matters. */
function request(bytes: Buffer, type: string): IncomingMessage {
  const stream = Readable.from(bytes.length === 0 ? [] : [bytes])
  return Object.assign(stream, { headers: { 'content-type': type }, method: 'POST' }) as unknown as IncomingMessage
}

const vllm = `# HELP vllm:num_requests_waiting x
vllm:num_requests_waiting{engine="0",model_name="m"} 3.0
vllm:num_requests_running{engine="0",model_name="m"} 2
vllm:kv_cache_usage_perc{engine="0"} 0.25
vllm:cache_config_info{block_size="16",num_gpu_blocks="1000"} 1.0
vllm:iteration_tokens_total_count 5e3
vllm:num_preemptions_total 1
`

const engineMetrics: Target = {
  name: 'fleet/engine-metrics',
  seeds: [
    vllm,
    'sglang:num_queue_reqs{a="b}c\\""} 1\nsglang:num_running_reqs 2 1700000000\nsglang:max_total_num_tokens 100\n',
    'llamacpp:requests_deferred 0\nllamacpp:requests_processing 1\nllamacpp:n_decode_total 9\n',
    'nv_trt_llm_request_metrics{request_type="waiting"} 1\nnv_trt_llm_kv_cache_block_metrics{kv_cache_block_type="fraction"} 0.5\n',
  ],
  words: words(
    'vllm:num_requests_waiting ',
    '1',
    'sglang:',
    '{',
    '}',
    '"',
    '\n',
    'NaN',
    '+Inf',
    'e308',
    '1e308',
    ' ',
    '\\',
  ),
  run(bytes) {
    const reading = readEngineMetrics(bytes.toString('latin1'))
    if (!reading) return null
    for (const [name, value] of Object.entries(reading))
      must(
        value === null || typeof value === 'boolean' || (Number.isFinite(value) && value >= 0),
        `${name} is ${value}`,
      )
    return Object.values(reading)
      .map((value) => value === null)
      .join()
  },
}

const slots: Target = {
  name: 'fleet/slots',
  seeds: [
    '[{"id":0,"is_processing":true,"id_task":3,"next_token":{"n_decoded":7}},{"is_processing":false,"next_token":[{"n_decoded":1}]}]',
  ],
  words: words('"is_processing":', '"id_task":', '"next_token":', '"n_decoded":', '1e308', 'true', 'null'),
  run(bytes) {
    const reading = readSlots(bytes.toString())
    must(!reading || Number.isFinite(reading.progress), `progress is ${reading?.progress}`)
    return reading && `${reading.running} ${reading.slots}`
  },
}

const records: Target = {
  name: 'streams/records',
  seeds: ['[1,{"a":"x,]"},"\\"",[2]]', ' {"a":1} ', '[]', 'plain \u00e9 text', '"a"'],
  words: words('[', ']', '{', '}', ',', '"', '\\"', '\\\\', ' '),
  run(bytes) {
    cutText(bytes)
    const messages = jsonMessages(bytes)
    const value = JSON.parse(bytes.toString()) as unknown
    const expected = Array.isArray(value) ? (value as unknown[]) : [value]
    const told = messages.map((message) => JSON.parse(message.toString()) as unknown)
    must(JSON.stringify(told) === JSON.stringify(expected), 'other messages than were sent')
    const kept = toRecords(bytes, 'application/json').map((data) => ({ data }))
    const read = JSON.parse(fromRecords(kept, 'application/json').toString()) as unknown
    must(JSON.stringify(read) === JSON.stringify(expected), 'other messages come back')
    if (kept[0]) firstOf(kept[0].data, 1, 'application/json')
    return messages.length
  },
}

function cutText(bytes: Buffer): void {
  const kept = toRecords(bytes, 'text/plain')
  must(Buffer.concat(kept).equals(bytes), 'a text that comes back as another')
}

const subscription: Target = {
  name: 'streams/subscription',
  seeds: [
    '{"type":"webhook","webhook":{"url":"https://example.org/x"},"pattern":"a/**","lease_ttl_ms":5000}',
    '{"type":"pull-wake","streams":["a","/b/"],"wake_stream":"w","description":"d"}',
    '{"generation":1,"wake_id":"x","acks":[{"stream":"a","offset":"0000000000000001_0000000000000002"}],"done":true,"worker":"w"}',
  ],
  words: words('"type":', '"webhook":', '"streams":', '"acks":', '"offset":', 'null', '[', '{', '/'.repeat(200)),
  refuses: byName('Error'), // its refusals have no name of their own, but a fault
  run(bytes) {
    const fields = parseFields(bytes)
    const told: string[] = []
    for (const read of [
      () => parseConfig(fields, { localWebhooks: true, subscriptionStreamsMax: 10 }),
      () => parseReport(fields),
      () => parseWorker(fields),
      () => parseStreams(fields['streams']),
    ]) {
      try {
        read()
        told.push('yes')
      } catch (thrown) {
        must(thrown instanceof Error && 'fault' in thrown, `it throws ${String(thrown)}`)
        told.push(thrown.message.slice(0, 40))
      }
    }
    return told.join().replace(/\d+/g, '#')
  },
}

const options = {
  ...{ mail: { host: 'h' }, webhooks: true, slack: true, slackHosts: ['hooks.slack.com'], localWebhooks: true },
} as unknown as Parameters<typeof readRequest>[2]

const visitor = (name: string, type: string, seeds: readonly string[]): Target => ({
  name,
  seeds,
  words: words(
    '"email":',
    '"subscriber":',
    '"component_ids":',
    'subscriber[email]=',
    '&',
    '%',
    'component_ids[]=',
    'a@b.cd',
    '@',
    '+',
    'xn--',
  ),
  refuses: (thrown) => thrown instanceof Error && ['RequestRefusal', 'TooLarge'].includes(thrown.constructor.name),
  async run(bytes) {
    const { subscriber, token } = await readFields(request(bytes, type))
    must(readToken(Buffer.alloc(32), 'confirm', token) === null, 'a token that nobody made')
    const { channel, address, components } = readRequest(subscriber, ['a', 'b'], options)
    must(!/[\s<>]/.test(address) && address.length < 3000, `address ${address}`)
    return `${channel} ${components?.length}`
  },
})

const adminBody: Target = {
  name: 'edge/admin-body',
  seeds: ['{"dryRun":true}', '{"url":"http://x","name":"k","limits":{"requestsPerMinute":1}}', ''],
  async run(bytes) {
    return Object.keys(await readWrite(request(bytes, 'application/json'))).length
  },
}

const reader = { byRay: () => [], counts: () => [], latest: () => ({ entries: [], next: null }) }
const recordQuery: Target = {
  name: 'edge/record-query',
  seeds: [
    'kind=call&upstream=a&code=HF_BAD_JSON&from=2026-01-31T12:00:00Z&to=1800000000000&limit=5',
    'ray=x',
    'counts&from=0',
    'cursor=3&eventful',
  ],
  words: words('from=', 'to=', 'limit=', 'kind=', '&', '%', '1e3', '-1'),
  refuses: (thrown) => thrown instanceof Error && thrown.constructor.name === 'BadQuery',
  run: (bytes) =>
    Object.keys(
      answerRecord(
        reader as unknown as Parameters<typeof answerRecord>[0],
        new URLSearchParams(bytes.toString('latin1')),
        nowMs,
      ),
    ).join(),
}

const yaml = `listeners: [{ port: 0 }]
upstreams:
  a: &a { url: "http://127.0.0.1:1/v1", models: [m] }
  b: *a
limits: { bodyBytes: 1000 }
`
const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\n${['b', 'c', 'd', 'e', 'f', 'g']
  .map((name, i) => `${name}: &${name} [${Array.from({ length: 9 }, () => `*${'abcdef'[i]}`).join(',')}]`)
  .join('\n')}\n`

const isTooDeep = (thrown: unknown): boolean => thrown instanceof Error && thrown.message.includes('nested too deep')

const configuration: Target = {
  name: 'config/yaml',
  seeds: [yaml, bomb, 'a: ${HOME:-x}\nb: $${x}\n', '? [complex]\n: |\n  text\n', '<<: &x {a: 1}\nb: *x\n'],
  words: words(
    '&a ',
    '*a',
    '<<: ',
    '- ',
    ': ',
    '|\n',
    '>-\n',
    '!!binary ',
    '!!js/function ',
    '? ',
    '---\n',
    '${',
    '}',
    '{',
    '[',
  ),
  bytesMax: 4096,
  refuses: (thrown) => byName('ConfigError', 'YAMLParseError', 'ReferenceError')(thrown) || isTooDeep(thrown),
  run(bytes) {
    const text = bytes.toString()
    expand(text, { A: 'x' })
    const value = readYaml(text)
    // The check takes its time, which is the operator's own: only of what may be one.
    const mayBe = typeof value === 'object' && value !== null && 'upstreams' in value
    return mayBe ? Object.keys(checkConfig(value).upstreams).length : typeof value
  },
}

const litellm: Target = {
  name: 'config/litellm',
  seeds: [
    `model_list:
  - model_name: gpt
    litellm_params: { model: openai/gpt-4o, api_key: os.environ/KEY, weight: 2, order: 1, rpm: 3 }
  - model_name: local
    litellm_params: { model: ollama/llama, api_base: "http://127.0.0.1:11434" }
    model_info: { input_cost_per_token: 0.000001 }
litellm_settings: { fallbacks: [{ gpt: [local] }], request_timeout: 30 }
router_settings: { model_group_alias: { g: gpt } }
general_settings: { master_key: sk-12345678 }
`,
    'model_list: [{ model_name: __proto__, litellm_params: { model: constructor/x, api_base: "http://a" } }]\n',
  ],
  words: words(
    'model_name: ',
    'litellm_params: ',
    'api_base: ',
    'order: ',
    '.inf',
    '.nan',
    '1e400',
    'fallbacks: ',
    '__proto__',
    '"http://["',
  ),
  bytesMax: 4096,
  refuses: (thrown) =>
    byName('YAMLParseError', 'ReferenceError')(thrown) ||
    isTooDeep(thrown) ||
    (thrown instanceof Error && /^(This is no|None of its|".*" is no URL)/.test(thrown.message)),
  run(bytes) {
    const { config, notes } = fromLitellm(readYaml(bytes.toString()))
    // Whatever it makes is taken, or refused with words.
    try {
      checkConfig(config)
    } catch (thrown) {
      must(thrown instanceof Error && thrown.name === 'ConfigError', `checked: ${String(thrown)}`)
      return `refused ${notes.length}`
    }
    return `${Object.keys(config.upstreams).length} ${notes.length}`
  },
}

const clock = new ManualClock()
const keptTexts: Target = {
  name: 'status/kept-texts',
  seeds: [
    '{"kind":"opened","id":"i","atMs":1,"by":"holdfast","title":"t","beganMs":1,"stage":"investigating","blame":null,"affected":[],"text":"x"}',
    '{"kind":"maintenance-planned","atMs":1,"by":"x","id":"m","window":{"title":"t"}}',
    '{"format":1,"version":"v","ofMs":1,"files":[{"path":"a/b.html","contentType":"text/html","hash":"x"}]}',
    '{"entries":[{"url":"http://a","model":"m","gap":{"intercept":1,"slope":2,"count":3,"atMs":4}}]}',
    '{"version":1,"route":"chat","headers":{},"arrivedMs":1}\n{"model":"m","messages":[{}]}',
    '{"isEventful":true,"attempts":[{}],"seams":[]}',
    '2026-11',
  ],
  words: words('"kind":', '"atMs":', '"path":', '"../x"', '"attempts":', 'null', '1e999', '"window":', '"files":'),
  refuses: byName('SyntaxError', 'ZodError', '$ZodError', 'RangeError'),
  run(bytes) {
    const text = bytes.toString()
    const row = { atMs: 1, kind: 'call', rank: 0, ray: null, upstream: null, code: null, body: text } as const
    const found = [readEntry(text), readMaintenance(text), readRow(row, 'n'), orderOf({ request: bytes }, clock)]
    const snapshot = readSnapshot(text)
    for (const { path } of snapshot?.files ?? []) must(!path.includes('..') && !path.startsWith('/'), `path ${path}`)
    const told = [...found, snapshot].map((each) => each !== null).join()
    if (text.length === 7) return `${told} ${readMonth(text).name.length}`
    return `${told} ${readSpeedBook(text, nowMs) !== null}`
  },
}

const key = Buffer.alloc(32, 7)
const linkToken: Target = {
  name: 'status/link-token',
  seeds: [tokenOf(key, 'confirm', '0'.repeat(32)), tokenOf(key, 'unsubscribe', 'a'.repeat(32))],
  bytesMax: 200,
  run(bytes) {
    const text = bytes.toString('latin1')
    const id = readToken(key, 'confirm', text)
    must(id === null || text === tokenOf(key, 'confirm', id) || text.startsWith(id), 'a token that nobody made')
    return id === null
  },
}

const certificate: Target = {
  name: 'tls/certificate',
  seeds: [certificatePem, keyPem, certificatePem + keyPem],
  words: words('-----BEGIN CERTIFICATE-----\n', '-----END CERTIFICATE-----\n', '\n', '='),
  bytesMax: 8192,
  refuses: (thrown) =>
    thrown instanceof Error && ('code' in thrown || /cannot be read|not that of/.test(thrown.message)),
  run(bytes) {
    const text = bytes.toString('latin1')
    let told = ''
    for (const [cert, secret] of [
      [text, keyPem],
      [certificatePem, text],
    ] as const) {
      try {
        told += String(readPair(cert, secret).names.length)
      } catch (thrown) {
        must(
          thrown instanceof Error && /cannot be read|not that of/.test(thrown.message),
          `it throws ${String(thrown)}`,
        )
        told += 'no'
      }
    }
    return `${told} ${certificateId(text)?.length}`
  },
}

export const paperTargets: readonly Target[] = [
  ...[
    engineMetrics,
    slots,
    records,
    subscription,
    adminBody,
    recordQuery,
    configuration,
    litellm,
    keptTexts,
    linkToken,
  ],
  visitor('status/subscribe-json', 'application/json', [
    '{"subscriber":{"email":"a@b.cd","component_ids":["a"]}}',
    '{"webhook":"https://example.org/x","token":"x"}',
    '{"slack":"https://hooks.slack.com/services/x"}',
  ]),
  visitor('status/subscribe-form', 'application/x-www-form-urlencoded', [
    'email=a%40b.cd&component_ids[]=a',
    'subscriber[endpoint]=https://example.org/x',
    'email=A+x@Sub.Example.org',
  ]),
  certificate,
]
