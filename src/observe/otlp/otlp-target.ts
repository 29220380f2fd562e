/** Where telemetry goes, out of the configuration and the variables that OpenTelemetry has for it. */
import { isHttpUrl } from '../../ground/http-url.ts'
import { percentDecoded } from '../../ground/percent-decoded.ts'
import type { OtlpOptions } from './otlp-options.ts'

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

/** `name=value,name=value`, each percent-encoded (W3C Baggage, as OpenTelemetry's variables have it). */
function readPairs(text: string | undefined): Record<string, string> {
  const pairs: Record<string, string> = {}
  for (const pair of (text ?? '').split(',').slice(0, pairsMax)) {
    const at = pair.indexOf('=')
    const name = pair.slice(0, at).trim()
    if (at < 1 || !/^[\w.-]{1,128}$/.test(name)) continue
    const value = pair.slice(at + 1).trim()
    pairs[name] = percentDecoded(value) ?? value
  }
  return pairs
}

function lowered(pairs: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(pairs).map(([name, value]) => [name.toLowerCase(), value]))
}
