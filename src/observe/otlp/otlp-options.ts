/** Settings of telemetry. */
import { isHttpUrl } from '../../ground/http-url.ts'
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
