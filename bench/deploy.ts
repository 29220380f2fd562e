/**
 * Does the judge stop bad releases before many met them, and let good ones through? Simulated deploys by seed,
 * each with traffic, noise and a defect of its own.
 */
import { writeFileSync } from 'node:fs'
import { Command, flag, say, text } from './command.ts'
import { badKinds, drawCase, goodKinds } from './deploy/behaviour.ts'
import { Chance } from './deploy/chance.ts'
import { gateOf } from './deploy/golden.ts'
import { realKinds, showReal } from './deploy/real.ts'
import { type Outcome, runDeploy } from './deploy/run.ts'
import { quantile } from './statistics.ts'

const usage = `usage: npm run bench:deploy -- [options]
  --bad N          deploys of each defect, default 20
  --good N         good deploys, default 300
  --seed N         the first seed, default 1
  --rates LOW,HIGH calls a second, drawn between them on a logarithmic scale, default 2,100
  --only KINDS     some of the kinds, separated by commas; with --real of its own: good, slower, truncating, …
  --gate           golden prompts are asked first; without, all releases meet traffic and the judge is by itself
  --detail         one line for each deploy that did not end as it should
  --json FILE      keeps all outcomes
  --real           real processes instead: a gateway with live streams, one deploy of each kind; --only and --json
                   hold there, too
  --streams N      of these, default 500`

const tell = (words: string): void => void process.stdout.write(`${words}\n`)

async function main(): Promise<void> {
  const command = new Command(usage, {
    ...{ bad: text, good: text, seed: text, rates: text, only: text, gate: flag, detail: flag, json: text },
    ...{ real: flag, streams: text },
  })
  if (command.is('real')) {
    const all = Object.keys(realKinds)
    const kept = await showReal(command.listOf('only', all, all), command.count('streams', 500, 1, 5000))
    return keep(command.text('json'), kept)
  }
  const seed = command.count('seed', 1, 0, 1e9)
  const [low = 2, high = 100] = (command.text('rates') ?? '2,100').split(',').map(Number)
  if (!(low > 0 && high >= low)) command.refuse('--rates: two numbers of calls a second, the lower first')
  const kinds = command.listOf('only', [...goodKinds, ...badKinds], [...goodKinds, ...badKinds])
  const goodEach = Math.ceil(command.count('good', 300, 0, 10_000) / goodKinds.length)
  const badEach = command.count('bad', 20, 0, 10_000)
  const outcomes: Outcome[] = []
  for (const kind of kinds)
    for (let i = 0; i < (goodKinds.includes(kind) ? goodEach : badEach); i++)
      outcomes.push(await runOne(kind, seed * 100_000 + i, [low, high], command.is('gate')))
  print(outcomes, kinds)
  if (command.is('detail')) for (const each of outcomes.filter(isOdd)) tell(JSON.stringify(each))
  keep(command.text('json'), outcomes)
  say(`seeds from ${seed * 100_000}`)
}

function keep(file: string | undefined, outcomes: readonly object[]): void {
  if (file) writeFileSync(file, `${JSON.stringify(outcomes, null, 2)}\n`)
}

/** Each kind has worlds of its own. */
async function runOne(
  kind: string,
  seed: number,
  callsPerSecond: readonly [number, number],
  hasGate: boolean,
): Promise<Outcome> {
  const own = seed + 1000 * [...goodKinds, ...badKinds].indexOf(kind)
  const drawn = drawCase(kind, new Chance(own * 7 + 3).random)
  const gate = hasGate ? await gateOf(drawn.behaviour, own) : { isPassed: true, words: 'none' }
  return runDeploy(drawn, own, { callsPerSecond, gate })
}

const tenth = 0.1
const isStoppedEarly = ({ end, topShare }: Outcome): boolean => end === 'stopped' && topShare < tenth
const isOdd = (each: Outcome): boolean => (each.isGood ? each.end !== 'full' : !isStoppedEarly(each))

function print(outcomes: readonly Outcome[], kinds: readonly string[]): void {
  tell(
    '| release | deploys | stopped | before 10 % of calls | calls seen: median, P95 | harmed: median, P95 | minutes: median, P95 | inconclusive | full |',
  )
  tell('| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |')
  for (const kind of kinds)
    row(
      kind,
      outcomes.filter((each) => each.kind === kind),
    )
  for (const isGood of [false, true])
    row(
      isGood ? '**all good**' : '**all bad**',
      outcomes.filter((each) => each.isGood === isGood),
    )
}

function row(name: string, own: readonly Outcome[]): void {
  if (own.length === 0) return
  const part = (is: (each: Outcome) => boolean): string =>
    `${((own.filter(is).length / own.length) * 100).toFixed(1)} %`
  const pair = (pick: (each: Outcome) => number, digits: number, unit = ''): string =>
    [0.5, 0.95].map((share) => `${quantile(own.map(pick), share).toFixed(digits)}${unit}`).join(', ')
  const cells = [
    ...[name, String(own.length), part(({ end }) => end === 'stopped'), part(isStoppedEarly)],
    pair(({ seenShare }) => seenShare * 100, 1, ' %'),
    ...[pair(({ harmed }) => harmed, 0), pair(({ minutes }) => minutes, 0)],
    ...[part(({ end }) => end === 'inconclusive'), part(({ end }) => end === 'full')],
  ]
  tell(`| ${cells.join(' | ')} |`)
}

await main()
