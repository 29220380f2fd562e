/**
 * `npm run heal`: ills of model servers at a real gateway under load, one after the other, with real processes. Prints
 * what was seen when, and whether any answer suffered.
 */
import { Command, flag, say, text } from '../../bench/command.ts'
import { ills, NotHere } from './engine.ts'
import { setFor } from './ill.ts'
import { llamaEngine } from './llama-engine.ts'
import { type Shown, showIll } from './show-ill.ts'
import { simEngine } from './sim-engine.ts'

const usage = `usage: npm run heal -- [options]
  --only LIST     of ${ills.join(',')}; default all
  --engine NAME   sim, or llama: the real small model in llama-server, where it can be had (without worker)
  --calls N       at once, streams and plain ones; default 12, and 3 with llama
  --json          one line of JSON for each`

/** A leak is found after 36 of them, which would be three hours. */
const heal = { hangMs: 5000, binMs: 500, measureMs: 10_000 }

async function main(): Promise<void> {
  const command = new Command(usage, { only: text, engine: text, calls: text, json: flag })
  const isReal = command.oneOf('engine', ['sim', 'llama'], 'sim') === 'llama'
  const only = command.listOf('only', ills, ills)
  const callsAtOnce = command.count('calls', isReal ? 3 : 12, 1, 1000)
  const isJson = command.is('json')
  const engine = isReal ? await llamaEngine().catch(skip) : simEngine
  if (!engine) return
  if (!isJson) {
    say(`3 replicas, 2 workers, ${callsAtOnce} calls at once. Shortened for this: ${JSON.stringify(heal)}`)
    say('ill         detected  out of service  recovered  calls  byte-exact  deaths  422s')
  }
  for (const ill of only.filter((each) => engine.ills.includes(each))) {
    try {
      using setting = setFor(ill)
      const shown = await showIll(ill, setting, { engine, callsAtOnce, heal })
      process.stdout.write(`${isJson ? JSON.stringify(shown) : row(shown)}\n`)
      if (!isGood(shown)) process.exitCode = 1
    } catch (error) {
      if (!(error instanceof NotHere)) throw error
      skip(error, ill)
    }
  }
}

function skip(error: unknown, what = 'llama'): null {
  say(`${what}: skipped, ${(error as Error).message}`)
  return null
}

/** Every answer is whole, and it is healed. What kills has killed two, or a third while others were beside it. */
function isGood({ ill, notWhole, healedMs, deaths, refused }: Shown): boolean {
  return notWhole.length === 0 && healedMs !== null && (ill !== 'poison' || (refused === 3 && deaths <= 3))
}

function row({ ill, detectedMs, outMs, healedMs, calls, whole, notWhole, deaths, refused, evidence }: Shown): string {
  const seconds = (ms: number | null): string => (ms === null ? 'never' : `${(ms / 1000).toFixed(1)} s`)
  const share = calls === 0 ? '-' : `${((100 * whole) / calls).toFixed(whole === calls ? 0 : 2)} %`
  const cells = [
    ill.padEnd(10),
    seconds(detectedMs).padStart(9),
    seconds(outMs).padStart(15),
    seconds(healedMs).padStart(10),
    String(calls).padStart(6),
    share.padStart(11),
    String(deaths).padStart(7),
    String(ill === 'poison' ? refused : '').padStart(5),
  ]
  const wrong = notWhole.slice(0, 3).map(({ verdict, code, detail }) => `\n    ${verdict} ${code ?? ''} ${detail}`)
  return cells.join(' ') + (evidence && `\n    ${evidence}`) + wrong.join('')
}

await main()
