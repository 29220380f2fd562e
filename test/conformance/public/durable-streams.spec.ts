/** The public suite of the Durable Streams protocol against a running server; run by vitest. */
import { runConformanceTests } from '@durable-streams/server-conformance-tests'

const baseUrl = process.env['DURABLE_STREAMS_URL']
if (!baseUrl) throw new Error('DURABLE_STREAMS_URL is not set')
runConformanceTests({ baseUrl, longPollTimeoutMs: 500, subscriptions: true })
