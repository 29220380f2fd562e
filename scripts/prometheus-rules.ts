/**
 * The rules for Prometheus: shares of bad calls by objective, and the same alerts on error budgets that the gateway
 * raises itself, from the same table. The targets are metrics, so one file serves any configuration.
 */
import { type BurnTier, burnAlertName, burnTiers } from '../src/objective/burn-rate.ts'

const calls = 'holdfast_objective_calls_total'

/** How far an objective may go, as its setting `alert` says. */
function targetOf(alert: string): string {
  return `max by (job, objective) (holdfast_objective_target_ratio{alert=~"${alert}"})`
}

/** Fewer bad calls than this in a window are no reason for an alert, as in the gateway by default. */
const badMin = 10

/** `5m`, `6h`, `3d`. */
function windowText(windowMs: number): string {
  const minutes = windowMs / 60_000
  return minutes < 60 ? `${minutes}m` : minutes < 1440 ? `${minutes / 60}h` : `${minutes / 1440}d`
}

/** Named as Sloth names them, so that dashboards for those work. */
function ratioName(windowMs: number): string {
  return `slo:sli_error:ratio_rate${windowText(windowMs)}`
}

function recording(windowMs: number): string {
  const window = windowText(windowMs)
  return `      - record: ${ratioName(windowMs)}
        expr: |-
          sum by (job, objective) (rate(${calls}{verdict="bad"}[${window}]))
            / (sum by (job, objective) (rate(${calls}[${window}])) > 0)
`
}

function tierText({ longMs, shortMs, burn }: BurnTier, alert: string): string {
  const long = windowText(longMs)
  const target = targetOf(alert)
  return `          (
            ${ratioName(longMs)} > ${burn} * (1 - ${target})
            and ${ratioName(shortMs)} > ${burn} * (1 - ${target})
            and sum by (job, objective) (increase(${calls}{verdict="bad"}[${long}])) >= ${badMin}
          )`
}

function burnAlert(severity: BurnTier['severity']): string {
  const own = burnTiers.filter((tier) => tier.severity === severity)
  const tiers =
    severity === 'critical'
      ? own.map((tier) => tierText(tier, 'page'))
      : [
          ...own.map((tier) => tierText(tier, 'page|ticket')),
          ...burnTiers.filter((tier) => tier.severity === 'critical').map((tier) => tierText(tier, 'ticket')),
        ]
  return `      - alert: ${burnAlertName}
        expr: |-
${tiers.join('\n          or\n')}
        labels:
          severity: ${severity}
        annotations:
          summary: '{{ $labels.objective }} burns its error budget: {{ $value | humanizePercentage }} of calls are bad'
          description: 'holdfast_calls_total by code says what fails; the cure of each code stands in the table of faults.'
`
}

/** The whole file. */
export function prometheusRules(): string {
  const windows = [...new Set(burnTiers.flatMap(({ longMs, shortMs }) => [longMs, shortMs]))].toSorted((a, b) => a - b)
  const severities = [...new Set(burnTiers.map(({ severity }) => severity))]
  return `# Printed by \`node scripts/write-reference.ts\` from src/objective/burn-rate.ts: edit the code, not this.
groups:
  - name: holdfast-objectives
    interval: 30s
    rules:
${windows.map(recording).join('')}  - name: holdfast-alerts
    rules:
${severities.map(burnAlert).join('')}      - alert: ErrorBudgetSpent
        expr: min by (job, objective) (holdfast_objective_budget_left_ratio) <= 0
        for: 5m
        labels:
          severity: warning
        annotations:
          summary: 'the error budget of {{ $labels.objective }} is used up'
          description: 'Put off risky changes until the budget has recovered.'
      - alert: HoldfastWarning
        expr: |-
          sum by (job, warning) (
            label_replace(holdfast_alerts_firing{alertname!~"ErrorBudget.*"}, "warning", "$1", "alertname", "(.*)")
          ) > 0
        labels:
          severity: warning
        annotations:
          summary: 'the gateway warns: {{ $labels.warning }}'
          description: '/alerts at the operators’ port, and \`holdfast alerts\`, say what of.'
      - alert: HoldfastAlertsUndelivered
        expr: |-
          increase(holdfast_alert_deliveries_total{outcome="failed"}[15m]) > 3
            unless on (job, instance, receiver) increase(holdfast_alert_deliveries_total{outcome="delivered"}[15m]) > 0
        for: 15m
        labels:
          severity: warning
        annotations:
          summary: 'the receiver {{ $labels.receiver }} takes no alerts'
          description: '/alerts at the operators’ port says why.'
`
}
