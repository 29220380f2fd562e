/** `holdfast forecast <deployment>`: the load that a running gateway scales it by, and what follows from it. */
import type { Outlook, ScaleView } from '../control/autoscale/scale-row.ts'
import { safeJson } from '../ground/one-line.ts'
import { printable } from '../observe/fact-words.ts'
import { type BandPoint, bandPlot } from '../observe/forecast/band-plot.ts'
import { askGateway } from './ask-gateway.ts'
import { commandConfig, type ConfigOptions } from './command-config.ts'
import { scaleWords } from './fleet.ts'
import { shortNumber, shortTime } from './terminal-text.ts'

const plotSize = { columns: 100, rows: 14 }

/** @throws {NoGateway} */
export async function forecastDeployment(
  deployment: string,
  options: ConfigOptions & { readonly json?: boolean },
): Promise<void> {
  const { stateDir } = commandConfig(options)
  const view = await askGateway<ScaleView>(stateDir, `/fleet/forecast?deployment=${encodeURIComponent(deployment)}`)
  if (!view) throw new Error(`No deployment ${deployment} is scaled by its load: give it \`autoscale\`.`)
  process.stdout.write(options.json ? `${safeJson(JSON.stringify(view, null, 2))}\n` : forecastWords(view))
}

export function forecastWords(view: ScaleView): string {
  const { recent, ahead, judged, unit, stepMs } = view
  const percent = (share: number): string => `${(100 * share).toFixed(1)} %`
  const said = ahead.map(
    ({ steps, p10, p50, p90 }) =>
      `  in ${shortTime(steps * stepMs)}: ${shortNumber(p50)}; 10 % below ${shortNumber(p10)}, 90 % below ${shortNumber(p90)}`,
  )
  return [
    `${unit}, by ${shortTime(stepMs)}: ● load, ─ as it was and is forecast, ░ 10 to 90 %`,
    recent.length > 0 ? bandPlot(pointsOf(view), plotSize) : 'Nothing was measured yet.',
    '',
    printable(scaleWords(view)),
    ...(said.length > 0 ? said : ['  Nothing can be said yet: it takes half an hour of steps.']),
    judged
      ? `Of about a day of steps (${judged.count}): off by ${percent(judged.wape)} of the load; ${percent(judged.below90)} were below the 90 %.`
      : 'No forecast could be judged yet.',
    '',
  ].join('\n')
}

/** What was, as it was said beforehand, and what is to come; between two horizons in a straight line. */
function pointsOf({ recent, ahead }: ScaleView): BandPoint[] {
  const past = recent.map(({ load, said }) => pointOf(load ?? Number.NaN, said))
  const coming: BandPoint[] = []
  for (const [index, each] of ahead.entries()) {
    const before = ahead[index - 1] ?? { ...each, steps: 0 }
    for (let step = before.steps + 1; step <= each.steps; step++) {
      const part = (step - before.steps) / (each.steps - before.steps)
      const between = (from: number, to: number): number => from + (to - from) * part
      const { p10, p50, p90 } = before
      coming.push(
        pointOf(Number.NaN, { p10: between(p10, each.p10), p50: between(p50, each.p50), p90: between(p90, each.p90) }),
      )
    }
  }
  return [...past, ...coming]
}

function pointOf(load: number, said: Outlook | null): BandPoint {
  const none = Number.NaN
  return { load, value: said?.p50 ?? none, low: said?.p10 ?? none, high: said?.p90 ?? none }
}
