/** Where telemetry goes, out of the configuration and the variables that OpenTelemetry has for it. */
import { z } from '../../ground/schema.ts'

const telemetryUrl = z
  .string()
  .refine((text) => isHttpUrl(text), 'an http or https URL')
  .meta({
    description:
      'Base URL of the receiver (OTLP over HTTP, JSON), e.g. `http://127.0.0.1:4318`; `/v1/traces` and `/v1/metrics` are put behind it. Default: the variable `OTEL_EXPORTER_OTLP_ENDPOINT`; without either nothing is exported.',
  })

export const telemetrySchema = z
  .strictObject({
    otlp: z
      .strictObject({
        url: telemetryUrl.optional(),
        headers: z
          .record(
            z.string().regex(/^[\w-]{1,64}$/, 'the name of a header'),
            z.string().max(8192).meta({ description: 'Its value: `env:NAME`, `file:PATH`, or itself.' }),
          )
          .default({})
          .meta({
            description: 'Headers for the receiver, by name. Beside them stand those of `OTEL_EXPORTER_OTLP_HEADERS`.',
          }),
        traces: z.boolean().default(true).meta({ description: 'Export spans: one a call, one an attempt.' }),
        metrics: z.boolean().default(true).meta({ description: 'Export metrics.' }),
        sampleRatio: z.number().min(0).max(1).default(1).meta({
          description:
            'Share of the traces that begin here and are exported, 0 to 1. For a call that comes with a `traceparent` its sampled flag decides.',
        }),
        periodMs: z
          .int()
          .min(1000)
          .max(3_600_000)
          .default(30_000)
          .meta({ description: 'How often metrics are exported.' }),
        timeoutMs: z
          .int()
          .min(100)
          .max(60_000)
          .default(10_000)
          .meta({ description: 'For one answer of the receiver.' }),
        queueBytesMax: z.int().min(65_536).max(268_435_456).default(8_388_608).meta({
          description:
            'What may wait for a receiver that is slow or gone, each worker; what comes beyond is dropped and counted.',
        }),
      })
      .prefault({})
      .meta({ description: 'Export to an OpenTelemetry receiver; off without a URL.' }),
  })
  .prefault({})
  .meta({ description: 'Traces and metrics by the conventions of OpenTelemetry.' })

export type OtlpOptions = z.output<typeof telemetrySchema>['otlp']

/** What is exported, where to, and as whose. */
export interface OtlpTarget extends Omit<OtlpOptions, 'url' | 'headers'> {
  /** Null where none are exported. */
  readonly tracesUrl: string | null
  readonly metricsUrl: string | null
  readonly headers: Readonly<Record<string, string>>
  /** Attributes of the resource: the service and where it runs. */
  readonly resource: Readonly<Record<string, string>>
}

type Environment = Readonly<Record<string, string | undefined>>

/** Pairs of a variable that are looked at. */
const pairsMax = 64

/** Null where nothing is exported. @throws {Error} for a URL in the environment that is none */
export function readOtlpTarget(
  options: OtlpOptions,
  environment: Environment,
  readSecret: (spelling: string, field: string) => string,
): OtlpTarget | null {
  const named = environment['OTEL_EXPORTER_OTLP_ENDPOINT']?.trim() || undefined
  const url = options.url ?? named
  const isOff = environment['OTEL_SDK_DISABLED']?.toLowerCase() === 'true' && options.url === undefined
  if (url === undefined || isOff || !(options.traces || options.metrics)) return null
  if (!isHttpUrl(url)) throw new Error(`OTEL_EXPORTER_OTLP_ENDPOINT is no http or https URL: ${url.slice(0, 200)}`)
  const base = url.replace(/\/+$/, '')
  const { url: _, headers, ...rest } = options
  const own = Object.entries(headers).map(([name, value]) => [
    name.toLowerCase(),
    readSecret(value, `telemetry.otlp.headers.${name}`),
  ])
  const service = environment['OTEL_SERVICE_NAME'] || undefined
  return {
    ...rest,
    tracesUrl: options.traces ? `${base}/v1/traces` : null,
    metricsUrl: options.metrics ? `${base}/v1/metrics` : null,
    headers: { ...lowered(readPairs(environment['OTEL_EXPORTER_OTLP_HEADERS'])), ...Object.fromEntries(own) },
    resource: {
      'service.name': 'holdfast',
      ...readPairs(environment['OTEL_RESOURCE_ATTRIBUTES']),
      ...(service && { 'service.name': service }),
    },
  }
}

function isHttpUrl(text: string): boolean {
  return URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)
}

/** `name=value,name=value`, each percent-encoded (W3C Baggage, as OpenTelemetry's variables have it). */
function readPairs(text: string | undefined): Record<string, string> {
  const pairs: Record<string, string> = {}
  for (const pair of (text ?? '').split(',').slice(0, pairsMax)) {
    const at = pair.indexOf('=')
    const name = pair.slice(0, at).trim()
    if (at < 1 || !/^[\w.-]{1,128}$/.test(name)) continue
    pairs[name] = decoded(pair.slice(at + 1).trim())
  }
  return pairs
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function lowered(pairs: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(pairs).map(([name, value]) => [name.toLowerCase(), value]))
}
