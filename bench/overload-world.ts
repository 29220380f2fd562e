/**
 * What do the line and the gates do when up to four times too much is asked? In simulated time: the production code
 * before simulated engines, hundreds of calls a second, several minutes of it, and nothing depends on the machine.
 * Beside what was served in time: how often the times that callers were told were within 30 % of what came.
 */
import { type RigResult, runOverload, type TierResult } from '../test/world/overload-rig.ts'
import { Command, flag, text } from './command.ts'

const loads = [0.5, 1, 1.5, 2, 3, 4] as const
const modes = ['off', 'fixed', 'adaptive'] as const

type Mode = (typeof modes)[number]

interface Row extends RigResult {
  readonly mode: Mode
  readonly load: number
  /** Goodput over the best of the mode. */
  readonly ofBest: number
}

const percent = (part: number, whole: number): string => (whole === 0 ? '–' : `${((100 * part) / whole).toFixed(1)} %`)
const served = ({ good, offered }: TierResult): string => percent(good, offered)
const held = ({ etasHeld, etasMissed }: TierResult): string => percent(etasHeld, etasHeld + etasMissed)

const usage = `usage: node bench/overload-world.ts [options]
  --engines N    default 8
  --slots N      places of each, default 8
  --rate N       tokens a second of a sequence that runs alone, default 250
  --seconds N    simulated, from 100; default 240
  --seed N       default 1
  --json         everything measured, as JSON`

function readArgs() {
  const command = new Command(usage, { engines: text, slots: text, rate: text, seconds: text, seed: text, json: flag })
  return {
    engines: command.count('engines', 8, 1, 100),
    slots: command.count('slots', 8, 1, 1000),
    decodeRate: command.number('rate', 250, 1, 10_000),
    seconds: command.number('seconds', 240, 100, 3600),
    seed: command.count('seed', 1, 0, 2 ** 31),
    json: command.is('json'),
  }
}

function measure(mode: Mode, options: Omit<ReturnType<typeof readArgs>, 'json'>): Row[] {
  const results = loads.map((load) => {
    process.stderr.write(`\r${mode} ${load}×   `)
    return { mode, load, ...runOverload({ ...options, limits: mode, load }) }
  })
  const best = Math.max(...results.map(({ goodput }) => goodput))
  return results.map((result) => ({ ...result, ofBest: result.goodput / best }))
}

function table(rows: readonly Row[]): string {
  const head = [
    'limits',
    'load',
    'goodput, of what the engines can do',
    'of its best',
    'premium',
    'standard',
    'batch',
    'told times held, standard',
    'batch',
  ]
  const lines = rows.map(({ mode, load, goodput, ofBest, tiers: { premium, standard, batch } }) => {
    const shares = [served(premium), served(standard), served(batch), held(standard), held(batch)]
    return [mode, `${load}×`, percent(goodput, 1), percent(ofBest, 1), ...shares]
  })
  return [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

const { json, ...options } = readArgs()
const rows = modes.flatMap((mode) => measure(mode, options))
process.stderr.write('\r')
if (json) {
  const plain = (_: string, value: unknown): unknown => (value instanceof Map ? Object.fromEntries(value) : value)
  process.stdout.write(`${JSON.stringify({ options, rows }, plain, 2)}\n`)
} else {
  const { engines, slots, decodeRate, seconds, seed } = options
  process.stdout.write(
    `${engines} engines of ${slots} places, ${decodeRate} tokens/s a sequence alone; ${seconds} simulated seconds, seed ${seed}.\n\n${table(rows)}\n`,
  )
}
