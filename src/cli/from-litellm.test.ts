// What configurations of LiteLLM become: the same models at the same places, and a word for all that is left out.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkConfig } from '../config.ts'
import { readYaml } from '../config-file.ts'
import { fromLitellm } from './from-litellm.ts'

const file = `
model_list:
  - model_name: gpt-4o
    litellm_params: { model: openai/gpt-4o, api_key: os.environ/OPENAI_API_KEY, rpm: 10 }
    model_info: { input_cost_per_token: 0.0000025, output_cost_per_token: 0.00001 }
  - model_name: gpt-4o
    litellm_params: { model: hosted_vllm/meta/gpt-4o-clone, api_base: "http://gpu1:8000", weight: 3 }
  - model_name: claude
    litellm_params: { model: anthropic/claude-sonnet-4-5, api_key: os.environ/ANTHROPIC_API_KEY }
  - model_name: local
    litellm_params: { model: ollama/llama3.2 }
  - model_name: eu
    litellm_params: { model: azure/gpt-4o, api_base: "https://x.openai.azure.com", api_key: k }
  - model_name: "openai/*"
    litellm_params: { model: openai/* }
litellm_settings:
  request_timeout: 30
  drop_params: true
  fallbacks: [{ local: [claude] }, { claude: [nothing] }]
router_settings:
  model_group_alias: { sonnet: claude }
general_settings:
  master_key: os.environ/MASTER_KEY
  database_url: postgresql://x
environment_variables: { A: b }
`

test('models are found where they were, with their keys, weights, prices, aliases and fallbacks', () => {
  const { config, notes } = fromLitellm(readYaml(file))
  checkConfig(config)
  assert.deepEqual(config.upstreams, {
    'api.openai.com': {
      ...{ url: 'https://api.openai.com/v1', kind: 'openai', key: 'env:OPENAI_API_KEY', models: ['gpt-4o'] },
    },
    'gpu1:8000': { url: 'http://gpu1:8000/v1', kind: 'vllm', models: ['meta/gpt-4o-clone'] },
    'api.anthropic.com': {
      ...{ url: 'https://api.anthropic.com/v1', kind: 'anthropic', key: 'env:ANTHROPIC_API_KEY' },
      models: ['claude-sonnet-4-5'],
    },
    'localhost:11434': { url: 'http://localhost:11434/v1', kind: 'ollama', models: ['llama3.2'] },
  })
  assert.deepEqual(config.pools, {
    'gpt-4o': { upstreams: ['api.openai.com', { name: 'gpu1:8000', weight: 3, model: 'meta/gpt-4o-clone' }] },
    claude: { upstreams: ['api.anthropic.com'] },
    local: {
      upstreams: [
        { name: 'localhost:11434', model: 'llama3.2' },
        { name: 'api.anthropic.com', priority: 1, model: 'claude-sonnet-4-5' },
      ],
    },
  })
  assert.deepEqual(config.models, {
    'gpt-4o': { pool: 'gpt-4o', price: { input: 2.5, output: 10 } },
    claude: { pool: 'claude', as: 'claude-sonnet-4-5' },
    local: { pool: 'local' },
    sonnet: { pool: 'claude', as: 'claude-sonnet-4-5' },
  })
  assert.deepEqual(config.keys, [{ name: 'master', key: 'env:MASTER_KEY' }])
  assert.deepEqual(config.timeouts, { totalMs: 30_000 })
  const told = notes.join('\n')
  for (const word of [
    /eu \(azure\/gpt-4o\)/,
    /openai\/\*/,
    /nothing/,
    /rpm/,
    /drop_params/,
    /database_url/,
    /environment_variables/,
  ])
    assert.match(told, word)
})

test('a master key that is too short for one leaves no open gateway; one of a short variable is good', () => {
  const { config, notes } = fromLitellm(readYaml(file.replace('os.environ/MASTER_KEY', '1234')))
  assert.deepEqual(config.keys, [{ name: 'master', key: 'env:MASTER_KEY' }])
  assert.match(notes.join(), /too short/)
  const short = fromLitellm(readYaml(file.replace('os.environ/MASTER_KEY', 'os.environ/K'))).config
  assert.deepEqual(checkConfig(short).keys[0]?.key, 'env:K')
})

test('files as people have them: addresses of the environment, empty values, numbers as text', () => {
  const params = (more: string): string =>
    `{ model: openai/a, api_base: os.environ/GPU_BASE, api_key: "", rpm: "6", weight: "2", ${more} }`
  const lines = [
    'model_list:',
    `  - { model_name: team/a, litellm_params: ${params('order: null')}, model_info: null }`,
    `  - { model_name: team-a, litellm_params: { model: hosted_vllm/b, base_url: "http://gpu2:8000/v1" } }`,
    'litellm_settings: { request_timeout: "60", fallbacks: null }',
    'general_settings: { master_key: null }',
  ]
  const { config, notes } = fromLitellm(readYaml(lines.join('\n')))
  assert.deepEqual(config.upstreams, {
    gpu_base: { url: '${GPU_BASE}', kind: 'openai', key: 'env:OPENAI_API_KEY', models: ['a'] },
    'gpu2:8000': { url: 'http://gpu2:8000/v1', kind: 'vllm', models: ['b'] },
  })
  // Names that differ in a sign that ours do not have stay two.
  assert.deepEqual([config.models?.['team/a']?.pool, config.models?.['team-a']?.pool], ['team-a', 'team-a-2'])
  assert.deepEqual(config.timeouts, { totalMs: 60_000 })
  assert.match(notes.join(), /GPU_BASE.* whole address/)
})

test('what is no such file is refused in words', () => {
  for (const value of [null, 5, {}, { model_list: [] }, { model_list: [{ model_name: 'a' }] }])
    assert.throws(() => fromLitellm(value), /no configuration of LiteLLM/)
  const azure = { model_list: [{ model_name: 'a', litellm_params: { model: 'azure/b' } }] }
  assert.throws(() => fromLitellm(azure), /None of its models/)
})
