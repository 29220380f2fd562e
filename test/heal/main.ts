/**
 * `npm run heal`: ills of model servers at a real gateway under load, one after the other, with real processes. Prints
 * what was seen when, and whether any answer suffered.
 */
import { Command, flag, say, text } from '../../bench/command.ts'
import { ills, setFor } from './ill.ts'
import { type Shown, showIll } from './show-ill.ts'

const usage = `usage: npm run heal -- [options]
  --only LIST     of ${ills.join(',')}; default all
  --calls N       at once, streams and plain ones; default 12
  --json          one line of JSON for each`

/** A leak is found after 36 of them, which would be three hours. */
const heal = { hangMs: 5000, binMs: 500, measureMs: 10_000 }

async function main(): Promise<void> {
  const command = new Command(usage, { only: text, calls: text, json: flag })
  const only = command.listOf('only', ills, ills)
  const callsAtOnce = command.count('calls', 12, 1, 1000)
  const isJson = command.is('json')
  if (!isJson) {
    say(`3 replicas, 2 workers, ${callsAtOnce} calls at once. Shortened for this: ${JSON.stringify(heal)}`)
    say('ill         detected  out of service  recovered  calls  byte-exact  422s')
  }
  let isWhole = true
  for (const ill of only) {
    const setting = setFor(ill, say)
    if (!setting) continue
    try {
      const shown = await showIll(ill, setting, { callsAtOnce, heal })
      process.stdout.write(`${isJson ? JSON.stringify(shown) : row(shown)}\n`)
      isWhole &&= shown.notWhole.length === 0 && shown.healedMs !== null && (ill !== 'poison' || shown.refused === 3)
    } finally {
      setting.end()
    }
  }
  if (!isWhole) process.exitCode = 1
}

function row({ ill, detectedMs, outMs, healedMs, calls, whole, notWhole, refused, evidence }: Shown): string {
  const seconds = (ms: number | null): string => (ms === null ? 'never' : `${(ms / 1000).toFixed(1)} s`)
  const share = calls === 0 ? '-' : `${((100 * whole) / calls).toFixed(whole === calls ? 0 : 2)} %`
  const cells = [
    ill.padEnd(10),
    seconds(detectedMs).padStart(9),
    seconds(outMs).padStart(15),
    seconds(healedMs).padStart(10),
    String(calls).padStart(6),
    share.padStart(11),
    String(ill === 'poison' ? refused : '').padStart(5),
  ]
  const wrong = notWhole.slice(0, 3).map(({ verdict, code, detail }) => `\n    ${verdict} ${code ?? ''} ${detail}`)
  return cells.join(' ') + (evidence && `\n    ${evidence}`) + wrong.join('')
}

await main()
