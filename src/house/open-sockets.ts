/** Opens WebSockets: those of the realtime API, and of applications beside it. */
import { Realtime, type RealtimeParts } from '../edge/realtime/realtime.ts'
import { type SocketParts, Sockets } from '../edge/realtime/sockets.ts'
import type { Web } from '../edge/web/web.ts'
import type { Metrics } from '../observe/metric.ts'
import { countSockets } from '../observe/socket-metrics.ts'

type Parts = RealtimeParts &
  Omit<SocketParts, 'realtime' | 'apps'> & { readonly web: Web | null; readonly metrics: Metrics }

export function openSockets({ web, metrics, ...parts }: Parts): Sockets {
  const sockets = new Sockets({ ...parts, realtime: new Realtime(parts), apps: web?.sockets ?? null })
  countSockets(metrics.registry, () => sockets.count)
  return sockets
}
