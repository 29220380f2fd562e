/** Traces and metrics for a receiver, where the configuration or the environment names one. */
import type { Config } from '../config.ts'
import { readTelemetry } from './secrets.ts'
import type { Fleet } from '../fleet/fleet.ts'
import type { Upstream } from '../fleet/upstream.ts'
import type { Clock } from '../ground/clock.ts'
import type { Random } from '../ground/random.ts'
import type { Log } from '../observe/log.ts'
import type { Metrics } from '../observe/metric.ts'
import { openOtlpPost } from '../observe/otlp.ts'
import type { Describe } from '../observe/otlp/call-spans.ts'
import { OtlpExporter } from '../observe/otlp/otlp-exporter.ts'
import type { TraceOptions } from '../observe/trace-context.ts'

export interface TelemetryBase {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly fleet: Fleet
  /** What distinguishes this process among those of its site. */
  readonly instance: string
}

export interface Telemetry {
  readonly tracing: TraceOptions
  /** Null where nothing is exported. */
  openExporter(metrics: Metrics): OtlpExporter | null
}

/** @throws {ConfigError} when a secret cannot be read, or a URL in the environment is none. */
export function openTelemetry(config: Config, base: TelemetryBase): Telemetry {
  const target = readTelemetry(config)
  return {
    tracing: { isOn: target !== null && target.tracesUrl !== null, sampleRatio: target?.sampleRatio ?? 0 },
    openExporter: (metrics) => {
      if (!target) return null
      const { fleet, ...rest } = base
      return new OtlpExporter({ ...rest, metrics, target, describe: describer(fleet), openPost: openOtlpPost })
    },
  }
}

/** Names of the conventions where they differ from our kinds. A server of one's own goes by its kind. */
const providers: Readonly<Record<string, string>> = { mistral: 'mistral_ai' }

function describer(fleet: Fleet): Describe {
  const addresses = new WeakMap<Upstream, { readonly address: string; readonly port: number }>()
  const addressOf = (upstream: Upstream): { readonly address: string; readonly port: number } => {
    let known = addresses.get(upstream)
    if (!known) {
      const { hostname, port, protocol } = upstream.url
      const address = hostname.replace(/^\[|\]$/g, '')
      known = { address, port: Number(port || (protocol === 'https:' ? 443 : 80)) }
      addresses.set(upstream, known)
    }
    return known
  }
  return (name) => {
    const upstream = fleet.find(name)
    const { address, port } = upstream ? addressOf(upstream) : { address: '', port: 0 }
    const kind = upstream?.kind ?? 'unknown'
    return { provider: providers[kind] ?? kind, address, port }
  }
}
