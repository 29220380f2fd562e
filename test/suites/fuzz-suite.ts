/**
 * `npm run suites -- fuzz`: every reader of strangers' bytes by changed inputs, then a whole gateway: its ports by
 * changed requests, and its calls by a model server that answers anything.
 */
import type { FuzzResult } from '../fuzz/fuzz-target.ts'
import { runFuzz } from '../fuzz/run-fuzz.ts'
import { allTargets } from '../fuzz/targets/all.ts'
import { runGatewayFuzz } from '../fuzz/gateway-fuzz.ts'

export interface FuzzSuiteOptions {
  /** Part of a target's name, or `gateway`; all without it. */
  readonly parser?: string
  /** For each target. */
  readonly seconds: number
  readonly seed: number
}

/** @returns whether nothing was found */
export async function runFuzzSuite({ parser = '', seconds, seed }: FuzzSuiteOptions): Promise<boolean> {
  const names = allTargets.map(({ name }) => name).filter((name) => name.includes(parser))
  const isGateway = 'gateway'.includes(parser)
  if (names.length === 0 && !isGateway) {
    say(`no reader is called so; there are ${allTargets.map(({ name }) => name).join(', ')}, gateway`)
    return false
  }
  let findings = 0
  say(`seed ${seed}, ${seconds} s each`)
  if (names.length > 0) say(row(['reader', 'inputs', 'outcomes', 'slowest', '8x length', 'kept', 'findings']))
  const onResult = (result: FuzzResult): void => {
    findings += result.findings.length
    say(rowOf(result))
    for (const each of result.findings) say(`  FOUND ${each}`)
  }
  if (names.length > 0)
    await runFuzz({ names, seed, inputsMax: 10_000_000, msMax: seconds * 1000, measures: true, onResult })
  if (isGateway) {
    const found = await runGatewayFuzz({ seed, requests: seconds * 400, answers: seconds * 100, say })
    findings += found.length
    for (const each of found) say(`  FOUND ${each}`)
  }
  say(`${findings} findings`)
  return findings === 0
}

function rowOf({ name, inputs, outcomes, slowestMs, growth, heapMib, findings }: FuzzResult): string {
  const cells = [
    name,
    inputs,
    outcomes,
    `${slowestMs.toFixed(1)} ms`,
    `${growth.toFixed(1)}x`,
    `${heapMib.toFixed(1)} MiB`,
  ]
  return row([...cells.map(String), String(findings.length)])
}

function row([name = '', ...cells]: readonly string[]): string {
  return `${name.padEnd(42)}${cells.map((cell) => cell.padStart(10)).join('')}`
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
