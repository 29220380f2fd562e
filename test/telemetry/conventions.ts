/**
 * What OpenTelemetry's conventions say of the names that we use: which there are, and which a signal must have. From
 * the package @opentelemetry/semantic-conventions 1.45.0, stable and in development, without the deprecated.
 */

/** Attributes of calls: their kind of value. */
export const conventional: Readonly<Record<string, 'string' | 'int' | 'double' | 'bool' | 'strings'>> = {
  'error.type': 'string',
  'gen_ai.operation.name': 'string',
  'gen_ai.provider.name': 'string',
  'gen_ai.request.model': 'string',
  'gen_ai.request.stream': 'bool',
  'gen_ai.response.finish_reasons': 'strings',
  'gen_ai.response.time_to_first_chunk': 'double',
  'gen_ai.token.type': 'string',
  'gen_ai.usage.input_tokens': 'int',
  'gen_ai.usage.output_tokens': 'int',
  'http.request.method': 'string',
  'http.request.resend_count': 'int',
  'http.response.status_code': 'int',
  'http.route': 'string',
  'server.address': 'string',
  'server.port': 'int',
  'service.instance.id': 'string',
  'service.name': 'string',
  'url.path': 'string',
  'url.scheme': 'string',
}
/** Of a family: behind it stands a header's name. */
export const headerPrefix = 'http.request.header.'

export const operationNames = [
  ...['chat', 'text_completion', 'embeddings', 'generate_content', 'retrieval', 'execute_tool', 'invoke_agent'],
  ...['create_agent'],
]

/** Of spans, by their kind: what must be there. */
export const requiredOfSpan: Readonly<Record<'server' | 'client', readonly string[]>> = {
  server: ['http.request.method', 'url.path', 'url.scheme'],
  client: ['gen_ai.operation.name', 'gen_ai.provider.name', 'http.request.method', 'server.address', 'server.port'],
}

interface Histogram {
  readonly unit: string
  readonly required: readonly string[]
  readonly bounds: readonly number[]
}

const doubling = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92]
const firstToken = [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
const ofModel = ['gen_ai.operation.name', 'gen_ai.provider.name']

export const histograms: Readonly<Record<string, Histogram>> = {
  'http.server.request.duration': {
    unit: 's',
    required: ['http.request.method', 'url.scheme'],
    bounds: [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
  },
  'gen_ai.server.request.duration': { unit: 's', required: ofModel, bounds: doubling },
  'gen_ai.server.time_to_first_token': { unit: 's', required: ofModel, bounds: firstToken },
  'gen_ai.server.time_per_output_token': {
    unit: 's',
    required: ofModel,
    bounds: [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5],
  },
  'gen_ai.client.operation.duration': { unit: 's', required: ofModel, bounds: doubling },
  'gen_ai.client.operation.time_to_first_chunk': { unit: 's', required: ofModel, bounds: firstToken },
  'gen_ai.client.token.usage': {
    unit: '{token}',
    required: [...ofModel, 'gen_ai.token.type'],
    bounds: Array.from({ length: 14 }, (_, i) => 4 ** i),
  },
}
