/** Whether a call offers tools, so that its answer may hold tool calls; cheap enough to be asked of every call. */
import type { Call } from './call.ts'

export function offersTools({ body }: Call): boolean {
  const kind = body.kind('tools')
  if (kind === 'array') return (body.raw('tools')?.length ?? 0) > 2
  return body.kind('functions') === 'array'
}
