/** What is printed from the code: the reference pages, and the files for Grafana and Prometheus. */
import { configJsonSchema } from '../src/config.ts'
import { causeClasses } from '../src/diagnosis/cause.ts'
import { causeNames, causeOf } from '../src/diagnosis/causes.ts'
import { type FaultCode, faultKind, faultKinds } from '../src/fault/code.ts'
import { dashboardText, scrapeText } from './dashboard.ts'
import { metricTable } from './metric-table.ts'
import { prometheusRules } from './prometheus-rules.ts'

/** Path under the repository → content. */
export async function referencePages(): Promise<Map<string, string>> {
  return new Map([
    ['docs/reference/faults.md', faultsPage()],
    ['docs/reference/causes.md', causesPage()],
    ['docs/reference/config.md', configPage()],
    ['deploy/prometheus/rules/holdfast-objectives.yaml', prometheusRules()],
    ['docs/reference/holdfast.schema.json', `${JSON.stringify(configJsonSchema(), null, 2)}\n`],
    ['docs/reference/metrics.md', await metricsPage()],
    ['deploy/grafana/holdfast.json', dashboardText()],
    ['deploy/prometheus/prometheus.yml', scrapeText()],
  ])
}

const printed = '<!-- Printed by `node scripts/write-reference.ts`; edit the code, not this page. -->'
const retryWords = {
  other: 'on another upstream',
  same: 'at once, on a fresh connection',
  wait: 'on another now, here after its wait',
  no: 'no',
}

function faultsPage(): string {
  const codes = Object.keys(faultKinds) as FaultCode[]
  const rows = codes.map((code) => {
    const { status, source, retry, proxyError, envoyFlag, openai, anthropic } = faultKind(code)
    return `| [\`${code}\`](#${code.toLowerCase()}) | ${status} | ${source} | ${retryWords[retry]} | ${proxyError ?? '–'} | ${envoyFlag || '–'} | ${openai.join(' / ')} | ${anthropic} |`
  })
  const entries = codes.map((code) => {
    const { title, sentence, cure } = faultKind(code)
    return `### ${code}\n\n**${title}.** ${sentence}\n\nWhat to do: ${cure}\n`
  })
  return `# Faults

${printed}

Everything that can go wrong has a code. It stands in the answer (\`cause\` in JSON, \`details\` in \`Proxy-Status\`, on
the error page), in the log (\`code\`) and in the metrics (\`code\`). *We try again* says what the gateway does by
itself before the first token has been sent; a status is what the caller sees when that did not help.

| code | status | whose fault | we try again | Proxy-Status | Envoy flag | OpenAI type / code | Anthropic type |
| --- | --- | --- | --- | --- | --- | --- | --- |
${rows.join('\n')}

${entries.join('\n')}`
}

async function metricsPage(): Promise<string> {
  const rows = (await metricTable()).map(({ name, kind, labels, help }) => {
    const named = labels.map((label) => `\`${label}\``).join(' ')
    return `| \`${name}\` | ${kind} | ${named} | ${help.replaceAll('|', '\\|')} |`
  })
  return `# Metrics

${printed}

What \`/metrics\` tells, of all workers together; see [Operate](../guide/operate.md#metrics) for what to make of it. A
histogram has the series \`_bucket\`, \`_sum\` and \`_count\`. Labels are bounded: what comes beyond 5000 sets of
labels of one metric (1000 of a histogram) is counted together, under \`other\`.

| name | kind | labels | what it counts |
| --- | --- | --- | --- |
${rows.join('\n')}
`
}

function causesPage(): string {
  const rows = causeNames.map((name) => {
    const { class: kind, whose, title, explains, cure } = causeOf(name)
    const signs = Object.keys(explains).map((sign) => `\`${sign}\``)
    const told = signs.length > signsMax ? [...signs.slice(0, signsMax), `${signs.length - signsMax} more`] : signs
    return `| \`${name}\` | ${causeClasses[kind]} | ${whose} | ${title} | ${told.join(' ')} | ${cure} |`
  })
  return `# Causes

${printed}

A [fault](faults.md) says what was seen, a cause what was behind it. \`holdfast explain <ray>\` names the cause of a
call's failure, or of those that it was saved from: [the guide](../guide/explain.md) says how it is found.

| cause | class | whose fault | in a few words | can show as | what to do |
| --- | --- | --- | --- | --- | --- |
${rows.join('\n')}
`
}

/** Of a cause's signs, those that are named. */
const signsMax = 10

interface Node {
  readonly description?: string
  readonly type?: string
  readonly default?: unknown
  readonly enum?: readonly unknown[]
  readonly minimum?: number
  readonly maximum?: number
  readonly anyOf?: readonly Node[]
  readonly items?: Node
  readonly properties?: Readonly<Record<string, Node>>
  readonly additionalProperties?: Node | boolean
  readonly required?: readonly string[]
}

/** A setting of the configuration with its path, as the page and the tidy test see it. */
export interface Setting {
  readonly path: string
  readonly node: Node
}

/** Every setting, depth first; `<name>` stands for a name that the operator chooses, `[]` for the members of a list. */
export function settings(node: Node = configJsonSchema(), path = ''): Setting[] {
  const own: Setting[] = path === '' ? [] : [{ path, node }]
  const inner = [
    ...Object.entries(node.properties ?? {}).flatMap(([key, value]) =>
      settings(value, path === '' ? key : `${path}.${key}`),
    ),
    ...(typeof node.additionalProperties === 'object' ? settings(node.additionalProperties, `${path}.<name>`) : []),
    ...(node.items?.properties || node.items?.anyOf ? settings(node.items, `${path}[]`) : []),
    ...(node.anyOf ?? []).filter((each) => each.properties).flatMap((each) => settings(each, path).slice(1)),
  ]
  return [...own, ...inner]
}

function kindOf(node: Node): string {
  if (node.enum) return node.enum.map((value) => `\`${String(value)}\``).join(' or ')
  if (node.anyOf) return [...new Set(node.anyOf.map(kindOf))].join(' or ')
  if (node.items) return `list of ${kindOf(node.items)}`
  if (node.properties) return 'section'
  if (node.additionalProperties) return 'names and sections'
  const low = node.minimum !== undefined && node.minimum > -1e15 ? node.minimum : undefined
  const high = node.maximum !== undefined && node.maximum < 1e15 ? node.maximum : undefined
  const range =
    low !== undefined && high !== undefined ? `, ${low} to ${high}` : low !== undefined ? `, from ${low}` : ''
  return `${node.type ?? 'any'}${range}`
}

function configPage(): string {
  const rows = settings()
    .filter(({ path }) => !path.endsWith('[]'))
    .map(({ path, node }) => {
      const isSimple = node.default !== undefined && (typeof node.default !== 'object' || Array.isArray(node.default))
      const standard = isSimple ? `\`${JSON.stringify(node.default)}\`` : ''
      return `| \`${path}\` | ${kindOf(node)} | ${standard} | ${(node.description ?? '').replaceAll('|', '\\|')} |`
    })
  return `# Configuration

${printed}

\`holdfast.yaml\` in the working directory, or the file given with \`--config\`. \`holdfast check\` finds mistakes and names file,
line and cure; \`holdfast schema\` prints the JSON Schema for editors (put
\`# yaml-language-server: $schema=holdfast.schema.json\` at the top of the file). Only \`upstreams\` is required.

| setting | kind | default | what it is |
| --- | --- | --- | --- |
${rows.join('\n')}
`
}
