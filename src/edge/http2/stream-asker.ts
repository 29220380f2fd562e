/** Who asks for a WebSocket as a stream of HTTP/2, by extended CONNECT (RFC 8441). */
import type { IncomingMessage } from 'node:http'
import type { Http2ServerRequest, ServerHttp2Stream } from 'node:http2'
import type { Gate } from '../address/proxy-gate.ts'
import type { Asker } from '../realtime/asker.ts'

/** RFC 9113, section 7. */
const noError = 0

export function askerOnStream(request: Http2ServerRequest, stream: ServerHttp2Stream, gate: Gate | null): Asker {
  return {
    ...{ request: request as unknown as IncomingMessage, socket: stream, first: Buffer.alloc(0), gate },
    accept: (headers) => stream.respond([':status', '200', ...headers]),
    answer: (status, headers, body) => {
      if (stream.destroyed || stream.closed) return
      stream.respond([':status', String(status), ...headers])
      stream.end(body)
      // The stream is the visitor's to end, and it may never do so.
      stream.once('finish', () => stream.close(noError))
    },
  }
}
