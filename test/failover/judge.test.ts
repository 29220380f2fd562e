/** The judge cannot be talked round: broken gateways get no pass, and no kind of broken answer counts as whole. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { answerText, piecesOf } from './answer-text.ts'
import * as broken from './broken-gateway.ts'
import { Hearing } from './hearing.ts'
import { demand, type Judgement, judgeAnswer, judgeRefusal, judgeUnderLoad, type Verdict } from './judge.ts'
import type { OpenSubject } from './stage.ts'
import { playAll } from './table.ts'

const chunk = (delta: Record<string, unknown>, finish: string | null = null): string =>
  `data: ${JSON.stringify({ model: 'm', choices: [{ index: 0, delta, finish_reason: finish }] })}`
const words = piecesOf(answerText).map((content) => chunk({ content }))
const role = chunk({ role: 'assistant', content: '' })
const finish = chunk({}, 'stop')
const done = 'data: [DONE]'
const error = 'data: {"error":{"message":"It broke.","type":"server_error","code":"cut"}}'
const bareError = 'data: {"error":"oops"}'

/** What a caller has heard after these events. */
function hear(events: readonly string[], end: 'clean' | 'broken' | 'late' = 'clean', status = 200): Hearing {
  const hearing = new Hearing()
  hearing.head(status, {})
  for (const event of events) hearing.event(event)
  hearing.ended(end)
  return hearing
}

const numbered = (events: readonly string[]): string[] => events.map((event, i) => `id: ${i}\n${event}`)
const whole = [role, ...words, finish, done]

const streams: readonly (readonly [string, Hearing, Verdict])[] = [
  ['an unbroken stream', hear(whole), 'pass'],
  ['with numbers and comments', hear([': ping', ...numbered(whole), ': ping']), 'pass'],
  ['a cut that ends quietly', hear([role, ...words.slice(0, 40)]), 'fail'],
  ['a cut with [DONE]', hear([role, ...words.slice(0, 40), done]), 'fail'],
  ['a cut with a finish and [DONE]', hear([role, ...words.slice(0, 40), finish, done]), 'fail'],
  ['a cut without a word', hear([role, ...words.slice(0, 40)], 'broken'), 'fail'],
  ['a cut told by a typed error', hear([role, ...words.slice(0, 40), error], 'broken'), 'safe'],
  ['a cut told by an error that says nothing', hear([role, ...words.slice(0, 40), bareError], 'broken'), 'fail'],
  ['a typed error, and then [DONE]', hear([role, ...words.slice(0, 40), error, done]), 'fail'],
  ['a hang', hear([role, ...words.slice(0, 40)], 'late'), 'fail'],
  ['the whole text, and then a hang', hear([role, ...words], 'late'), 'fail'],
  ['a repeated word', hear([role, ...words.slice(0, 41), ...words.slice(40), finish, done]), 'fail'],
  ['a missing word', hear([role, ...words.slice(0, 40), ...words.slice(41), finish, done]), 'fail'],
  ['the answer a second time', hear([role, ...words.slice(0, 40), ...words, finish, done]), 'fail'],
  ['two finishes', hear([role, ...words, finish, finish, done]), 'fail'],
  ['two roles', hear([role, ...words.slice(0, 40), role, ...words.slice(40), finish, done]), 'fail'],
  ['text behind the finish', hear([role, ...words.slice(0, 59), finish, ...words.slice(59), done]), 'fail'],
  ['events behind the end', hear([...whole, finish]), 'fail'],
  ['finish reason length', hear([role, ...words, chunk({}, 'length'), done]), 'fail'],
  ['no end mark', hear([role, ...words, finish]), 'fail'],
  ['a malformed event', hear([role, 'data: {"id":', ...words, finish, done]), 'fail'],
  ['a number twice', hear([...numbered(whole.slice(0, 5)), 'id: 4\n: x\ndata: {}', ...whole.slice(5)]), 'fail'],
  ['a number left out', hear(numbered(whole).toSpliced(7, 1)), 'fail'],
  ['an error before anything', hear([error], 'broken'), 'safe'],
]

for (const [title, hearing, verdict] of streams) {
  test(`${verdict}: ${title}`, () => {
    const judgement = judgeAnswer(hearing, [])
    assert.equal(judgement.verdict, verdict, judgement.why)
    assert.equal(judgement.why === '', verdict === 'pass', 'everything but a pass says why')
  })
}

function refused(body: string, status: number, retryAfter?: string): Hearing {
  const hearing = new Hearing()
  hearing.head(status, retryAfter === undefined ? {} : { 'retry-after': retryAfter })
  hearing.body(body)
  hearing.ended('clean')
  return hearing
}

const typed = '{"error":{"message":"Busy.","type":"server_error"}}'

test('refusals are told apart by what a program can read of them', () => {
  const check = (judgement: Judgement, verdict: Verdict): void =>
    assert.equal(judgement.verdict, verdict, judgement.why)
  check(judgeAnswer(refused(typed, 503), []), 'safe')
  check(judgeAnswer(refused('<html>502 Bad Gateway</html>', 502), []), 'fail')
  check(judgeAnswer(refused('{"detail":"oops"}', 500), []), 'fail')
  check(judgeRefusal(refused(typed, 400), []), 'pass')
  check(judgeRefusal(refused(typed, 400), [demand(false, 'three attempts')]), 'partial')
  check(judgeRefusal(hear(whole), []), 'partial')
  check(judgeRefusal(refused('', 400), []), 'fail')
  check(judgeUnderLoad(refused(typed, 503, '1'), []), 'pass')
  check(judgeUnderLoad(refused(typed, 503), []), 'partial')
  check(judgeUnderLoad(hear([role, ...words.slice(0, 9)], 'late'), []), 'fail')
  check(judgeAnswer(hear(whole), [demand(false, 'too late')]), 'partial')
})

const usual = ['S02', 'S03', 'S05', 'S08', 'S10', 'S11', 'S12', 'S13', 'S14', 'S18', 'S19'] as const
type Expected = Readonly<Record<string, Verdict>>
/** Of those that pass on what the primary says. */
const passesOn: Expected = { S02: 'safe', S03: 'safe', S12: 'safe', S13: 'pass' }

/** What each broken gateway gets; scenarios that are played and not named must get `fail`. */
const gateways: Readonly<Record<string, readonly [OpenSubject, Expected, (readonly string[])?]>> = {
  truncates: [broken.truncates, passesOn],
  'ends quietly': [broken.endsQuietly, passesOn],
  'cuts without a word': [broken.cutsWithoutWord, passesOn],
  repeats: [broken.repeats, passesOn],
  'tells and ends': [broken.tellsAndEnds, passesOn],
  'refuses all': [
    broken.refusesAll,
    {
      ...Object.fromEntries(usual.map((name) => [name, 'safe'] as const)),
      ...{ S13: 'partial', S19: 'partial' },
    },
  ],
  'a bare page': [broken.barePage, {}],
  hangs: [broken.hangs, {}],
  'gathers all': [
    broken.gathersAll,
    {
      ...{ S02: 'pass', S03: 'pass', S05: 'pass', S08: 'partial', S12: 'partial', S13: 'partial', S14: 'partial' },
      S18: 'partial',
    },
  ],
  hammers: [broken.hammers, { S02: 'partial', S12: 'partial', S13: 'partial' }, ['S02', 'S12', 'S13']],
}

describe('a gateway that is broken is seen through', { concurrency: 3, timeout: 120_000 }, () => {
  for (const [title, [open, verdicts, only = usual]] of Object.entries(gateways)) {
    test(title, async () => {
      const rows = await playAll({ only, factor: 20, atOnceMax: only.length, patienceMsMax: 9000, open })
      const got = Object.fromEntries(rows.map(({ name, verdict, why }) => [name, `${verdict} ${why}`]))
      for (const name of only) {
        const [verdict] = (got[name] ?? '').split(' ')
        assert.equal(verdict, verdicts[name] ?? 'fail', `${name}: ${got[name]}`)
      }
    })
  }
})
