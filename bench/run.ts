/**
 * How much does Holdfast cost, beside nginx, HAProxy and Portkey on the same machine in the same minutes? Starts a
 * mock model server and
 * all gateways, loads one at a time in rounds, and prints what each request and each chunk cost in CPU and in delay.
 */
import { writeFileSync } from 'node:fs'
import { Command, flag, say, text } from './command.ts'
import {
  type Contender,
  directContender,
  type IdleSample,
  measure,
  measureIdle,
  openContender,
  type Sample,
  warm,
} from './contender.ts'
import { canPin, canRunRealtime, pinSelf, wordsOf } from './launch.ts'
import { describeMachine, type MachineTicks, machineTicks } from './machine.ts'
import { haproxy } from './peer/haproxy.ts'
import { holdfast, holdfastBehind, holdfastOff, holdfastSqlite, holdfastTwo } from './peer/holdfast.ts'
import { nginx } from './peer/nginx.ts'
import type { Peer } from './peer/peer.ts'
import { portkey } from './peer/portkey.ts'
import { cpuTicks, endedChildrenTicks } from './process-tree.ts'
import { type Question, type QuestionName, questionNames, questions } from './question.ts'
import { type Report, reportText, writeReport } from './report.ts'
import { type Mock, startMock, toolWarning } from './rig.ts'

const usage = `usage: npm run bench -- [options]
  --quick             fewer questions and rounds, about a minute
  --only LIST         of ${questionNames.join(',')}
  --peers LIST        of holdfast,holdfast-sqlite,holdfast-behind,holdfast-two,holdfast-off,nginx,haproxy,portkey
  --rounds N          default 5 (quick: 2)
  --seconds N         length of each measured window, default 2 (quick: 1)
  --json FILE         everything measured, as JSON
  --write             put the tables into bench/README.md`

const peers: readonly Peer[] = [
  nginx,
  haproxy,
  holdfast,
  holdfastSqlite,
  holdfastBehind,
  holdfastTwo,
  holdfastOff,
  portkey,
]
const quickQuestions: readonly QuestionName[] = ['unary', 'sse250', 'ttft']

interface Ask {
  readonly questions: readonly QuestionName[]
  readonly peers: readonly Peer[]
  readonly rounds: number
  readonly seconds: number
  readonly json: string | undefined
  readonly isWriting: boolean
}

function readAsk(): Ask {
  const command = new Command(usage, {
    ...{ quick: flag, only: text, peers: text, rounds: text },
    ...{ seconds: text, json: text, write: flag },
  })
  const isQuick = command.is('quick')
  const peerNames = peers.map(({ name }) => name)
  const wanted = command.listOf('peers', peerNames, peerNames)
  return {
    questions: command.listOf('only', questionNames, isQuick ? quickQuestions : questionNames),
    peers: peers.filter(({ name }) => wanted.includes(name)),
    rounds: command.count('rounds', isQuick ? 2 : 5, 1, 100),
    seconds: command.number('seconds', isQuick ? 1 : 2, 0.5, 60),
    json: command.text('json'),
    isWriting: command.is('write'),
  }
}

/** Starts all peers; one that cannot be had or answers wrongly is left out with its reason. */
async function openAll(ask: Ask, mock: Mock, notes: string[]): Promise<Contender[]> {
  const contenders = [directContender(mock)]
  for (const peer of ask.peers) {
    try {
      const contender = await openContender(peer, mock)
      contenders.push(contender)
      say(`ready: ${contender.name} (${contender.version})`)
      if (contender.note !== undefined) notes.push(contender.note)
    } catch (error) {
      const reason = wordsOf(error)
      say(`left out: ${peer.name}: ${reason}`)
      notes.push(`${peer.name} was left out: ${reason.split('\n')[0]}`)
    }
  }
  return contenders
}

async function measureIdleAll(contenders: readonly Contender[], mock: Mock): Promise<IdleSample[]> {
  const samples: IdleSample[] = []
  for (const contender of contenders.slice(1)) {
    const sample = await measureIdle(contender, mock)
    const perStreamKb = (sample.bytesWith - sample.bytesBefore) / sample.streamCount / 1024
    say(
      `idle-memory  ${contender.name.padEnd(16)} ${perStreamKb.toFixed(1)} KB/stream, ${sample.leftOpenCount} left open`,
    )
    samples.push(sample)
  }
  return samples
}

function sayProgress(sample: Sample, question: Question, rounds: number): void {
  const rate = Math.round(sample.unitsPerSecond).toLocaleString('en-US')
  const wrong = sample.wrongCount > 0 ? `  WRONG: ${sample.wrongWords}` : ''
  say(
    `round ${sample.round}/${rounds}  ${sample.question.padEnd(8)} ${sample.peer.padEnd(16)} ` +
      `${sample.cpuUsPerUnit.toFixed(1).padStart(7)} µs/${question.unit} ${rate.padStart(8)}/s  ` +
      `p50 ${sample.p50Us.toFixed(0)} p99 ${sample.p99Us.toFixed(0)} µs${wrong}`,
  )
}

/** All rounds: one contender is loaded at a time, and every other round goes through them backwards. */
async function measureRounds(ask: Ask, contenders: readonly Contender[], mock: Mock): Promise<Sample[]> {
  const samples: Sample[] = []
  const asked = questions.filter((question) => ask.questions.includes(question.name))
  for (const contender of asked.length > 0 ? contenders.slice(1) : []) await warm(contender)
  for (let round = 1; round <= ask.rounds; round++) {
    const order = round % 2 === 1 ? contenders : contenders.toReversed()
    for (const question of asked) {
      for (const contender of order) {
        const sample = await measure(contender, question, ask.seconds, mock, round)
        samples.push(sample)
        sayProgress(sample, question, ask.rounds)
      }
    }
  }
  return samples
}

/** Shares of the machine that were not ours; the load clients, gone by now, are in our own account of children. */
function noise(before: MachineTicks, ownTicks: number): { neighbourShare: number; stolenShare: number } {
  const after = machineTicks()
  const all = after.all - before.all
  const foreign = Math.max(0, after.busy - before.busy - ownTicks)
  return { neighbourShare: foreign / all, stolenShare: (after.stolen - before.stolen) / all }
}

async function run(ask: Ask): Promise<Report> {
  const machine = describeMachine()
  const notes: string[] = []
  if (toolWarning !== null) notes.push(toolWarning)
  if (!canPin) notes.push('Not pinned to cores: taskset is missing or there is only one core.')
  if (!canRunRealtime)
    notes.push('Delays without the real-time class (chrt not allowed): neighbours on the machine show in them.')
  const mock = await startMock()
  const contenders = await openAll(ask, mock, notes)
  if (contenders.length === 1) throw new Error('no gateway could be started')
  const before = machineTicks()
  const ownBefore = ownTicks(contenders)
  const idle = ask.questions.includes('idle-memory') ? await measureIdleAll(contenders, mock) : []
  const samples = await measureRounds(ask, contenders, mock)
  for (const sample of samples.filter((one) => one.wrongCount > 0)) {
    notes.push(`Wrong: ${sample.peer}, ${sample.question}, round ${sample.round}: ${sample.wrongWords}.`)
  }
  const shares = noise(before, ownTicks(contenders) - ownBefore)
  for (const contender of contenders) await contender.stop()
  await mock.program.stop()
  const versions = contenders.map((contender) => contender.version).filter((version) => version !== '')
  return {
    machine,
    rounds: ask.rounds,
    seconds: ask.seconds,
    ...shares,
    versions: [...new Set(versions)],
    notes,
    samples,
    idle,
  }
}

/** This process, the mock and all gateways, and the ended children of this process. */
function ownTicks(contenders: readonly Contender[]): number {
  return cpuTicks([process.pid, ...contenders.flatMap((contender) => contender.pids())]) + endedChildrenTicks()
}

const ask = readAsk()
pinSelf()
const report = await run(ask)
process.stdout.write(`\n${reportText(report)}\n`)
if (ask.json !== undefined) writeFileSync(ask.json, `${JSON.stringify(report, null, 2)}\n`)
if (ask.isWriting) writeReport(report)
process.exit(report.samples.some((sample) => sample.wrongCount > 0 && sample.peer.startsWith('holdfast')) ? 1 : 0)
