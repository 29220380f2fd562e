/** `/errors/<code>`: what the answer for a fault looks like, for those who design, document and test with it. */
import { type FaultCode, faultKind, faultKinds } from '../fault/code.ts'
import { Fault } from '../fault/fault.ts'
import { preferred } from './accept.ts'
import { type FaultContext, renderFault } from './fault-answer.ts'
import { escapeHtml } from '../ground/escape-html.ts'
import { Page } from './page.ts'
import type { Asking } from './visitor.ts'

export const previewRoot = '/errors'

const codes = Object.keys(faultKinds) as FaultCode[]
/** As an example, where a fault says when to come back. */
const retryAfterMs = 20_000
/** As an example, where it was announced when it ends. */
const lastsMs = 40 * 60_000
const listPage = new Page('errors.html')

/** @throws {Fault} HF_ROUTE_UNKNOWN for a code that there is not. */
export function errorPreview(path: string, request: Asking, context: FaultContext): { type: string; body: Buffer } {
  const name = path.slice(previewRoot.length + 1)
  if (name === '') return list(request)
  const code = codes.find((each) => each === name)
  if (!code) throw new Fault('HF_ROUTE_UNKNOWN', { detail: `there is no fault ${name.slice(0, 60)}` })
  return renderFault(new Fault(code, exampleOf(code, context)), request, context)
}

function exampleOf(code: FaultCode, { atMs }: FaultContext): ConstructorParameters<typeof Fault>[1] {
  if (code === 'HF_MAINTENANCE') return { retryAfterMs, untilMs: atMs + lastsMs }
  return faultKind(code).shouldCallerRetry ? { retryAfterMs } : {}
}

function list(request: Asking): { type: string; body: Buffer } {
  const rows = codes.map((code) => ({ code, status: faultKind(code).status, title: faultKind(code).title }))
  if (preferred(request.headers.accept ?? '', ['application/json', 'text/html']) === 'application/json')
    return { type: 'application/json', body: Buffer.from(JSON.stringify(rows)) }
  const items = rows.map(
    ({ code, status, title }) =>
      `<li><a href="${previewRoot}/${code}"><code>${code}</code></a> ${status} ${escapeHtml(title)}</li>`,
  )
  return { type: 'text/html; charset=utf-8', body: listPage.render({}, { items: items.join('\n') }) }
}
