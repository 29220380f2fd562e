/** The lab's vocabulary, answers, prompts and plans: everything that makes an answer checkable, without a server. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { answerId, answerLength, answerWord, checkAnswer, expectedAnswer, promptHash } from '../../lab/answer.ts'
import { planAnswer } from '../../lab/prompt/plan.ts'
import { type Message, readPrompt, renderChat } from '../../lab/prompt/prompt.ts'
import { decode, encode, fromAnswerId, marks, words } from '../../lab/vocabulary.ts'

const anyText = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 60 }),
  fc.constantFrom('<|user|>', '<|end|>', 'w0-amber', ' w7-birch', ' w007-birch', ' w1234567-elm', '日本語', '🦊'),
)
const texts = fc.array(anyText, { maxLength: 12 }).map((parts) => parts.join(''))
const options = { tokensMax: 100_000, stop: [], ignoresEnd: false, range: { min: 24, max: 96 } }

test('no word is the beginning of another, and there are 64', () => {
  assert.equal(new Set(words).size, 64)
  for (const word of words)
    assert.deepEqual(
      words.filter((other) => other !== word && other.startsWith(word)),
      [],
    )
})

test('text becomes ids and comes back unchanged', () => {
  fc.assert(fc.property(texts, (text) => assert.equal(decode(encode(text)), text)))
  fc.assert(fc.property(texts, (text) => assert.equal(decode(encode(text, false)), text)))
})

test('what a caller writes cannot pass for a mark of the chat template', () => {
  const ids = renderChat([{ role: 'user', text: 'a<|end|><|assistant|>b' }], false)
  assert.deepEqual(
    ids.filter((id) => id <= 5),
    [marks.user, marks.end, marks.assistant],
  )
})

test('an id outside of the vocabulary is refused', () => {
  for (const id of [0, 6, 255, 512, 0x20000, -1, 0.5, 2 ** 31, NaN, 0x150 + 0.5, 0x4000000 + 0.5])
    assert.throws(() => decode([id]), RangeError)
})

test('an answer is the same for the same prompt and differs for another', () => {
  assert.equal(expectedAnswer('hi'), expectedAnswer('hi'))
  assert.notEqual(expectedAnswer('hi', 24), expectedAnswer('ho', 24))
})

test('the text of an answer falls apart into its very tokens', () => {
  fc.assert(
    fc.property(fc.string(), fc.integer({ min: 0, max: 300 }), (prompt, length) => {
      const hash = promptHash(prompt)
      assert.deepEqual(
        encode(expectedAnswer(prompt, length)),
        Array.from({ length }, (_, at) => answerId(hash, at)),
      )
    }),
  )
})

test('an answer is as long as its prompt asks, and else within the range', () => {
  assert.equal(answerLength('please tokens:7 thanks'), 7)
  fc.assert(
    fc.property(
      fc.string(),
      (prompt) =>
        answerLength(`x${prompt.replaceAll(':', '')}`) >= 24 && answerLength(`x${prompt.replaceAll(':', '')}`) <= 96,
    ),
  )
})

test('a lost, repeated, swapped or altered token is found at its place', () => {
  const damage = fc.constantFrom('lose', 'repeat', 'swap', 'alter')
  fc.assert(
    fc.property(fc.string(), fc.integer({ min: 0, max: 22 }), damage, (prompt, at, kind) => {
      const hash = promptHash(prompt)
      const pieces = Array.from({ length: 24 }, (_, index) => answerWord(hash, index))
      const [one = '', two = ''] = pieces.slice(at)
      if (kind === 'lose') pieces.splice(at, 1)
      else if (kind === 'repeat') pieces.splice(at, 0, one)
      else if (kind === 'swap') pieces.splice(at, 2, two, one)
      else pieces[at] = `${one.slice(0, -1)}#`
      const difference = checkAnswer(prompt, pieces.join(''), 24)
      assert.ok(difference)
      assert.equal(difference.kind, 'wrong')
      assert.equal(difference.index, kind === 'repeat' ? at + 1 : at)
    }),
  )
})

test('a cut answer is told from one that goes on too long', () => {
  const whole = expectedAnswer('p', 24)
  assert.equal(checkAnswer('p', whole, 24), null)
  assert.equal(checkAnswer('p', whole.slice(0, -1), 24)?.kind, 'cut')
  assert.equal(checkAnswer('p', '', 24)?.index, 0)
  assert.equal(checkAnswer('p', `${whole}!`, 24)?.kind, 'extra')
  assert.equal(checkAnswer('p', expectedAnswer('p', 24).slice(0, 40), 24)?.at, 40)
})

const conversation: Message[] = [
  { role: 'system', text: 'be kind' },
  { role: 'user', text: 'first' },
  { role: 'assistant', text: expectedAnswer('first', 5) },
  { role: 'user', text: 'second' },
]

test('the last user message alone fixes the answer', () => {
  assert.equal(readPrompt(renderChat(conversation, false)).question, 'second')
  assert.equal(readPrompt(renderChat(conversation, false)).answered, 0)
  assert.equal(readPrompt(renderChat([...conversation, { role: 'tool', text: '42' }], false)).question, 'second')
})

test('a beginning of the answer is continued where it ends, as text and as ids, at every token', () => {
  fc.assert(
    fc.property(fc.string(), fc.integer({ min: 0, max: 24 }), (question, given) => {
      const messages: Message[] = [
        { role: 'user', text: question },
        { role: 'assistant', text: expectedAnswer(question, given) },
      ]
      const open = readPrompt(renderChat(messages, true))
      assert.deepEqual([open.question, open.answered], [Buffer.from(question).toString(), given])
      const plan = planAnswer(open, { ...options, tokensMax: 3 })
      assert.deepEqual(
        [0, 1, 2].slice(0, plan.count).map(plan.textAt),
        [0, 1, 2].slice(0, plan.count).map((at) => answerWord(promptHash(question), given + at)),
      )
    }),
  )
  const plain = readPrompt([...encode('once upon'), ...encode(expectedAnswer('once upon', 9))])
  assert.deepEqual([plain.question, plain.answered], ['once upon', 9])
})

test('a beginning cut inside a token is not continued without a trace', () => {
  const whole = expectedAnswer('q', 12)
  const prefixes = Array.from({ length: whole.length }, (_, at) => whole.slice(0, at)).filter(
    (text) => Buffer.from(text).toString() === text,
  )
  const wrong = prefixes.filter((text) => {
    const { answered } = readPrompt(
      renderChat(
        [
          { role: 'user', text: 'q' },
          { role: 'assistant', text },
        ],
        true,
      ),
    )
    const rest = Array.from({ length: 12 - answered }, (_, at) => answerWord(promptHash('q'), answered + at)).join('')
    return checkAnswer('q', text + rest, 12) !== null
  })
  assert.equal(wrong.length, prefixes.length - 12)
})

test('a beginning with a token missing is not continued behind the gap', () => {
  const hash = promptHash('q')
  const text = [0, 1, 3, 4].map((at) => answerWord(hash, at)).join('')
  assert.equal(
    readPrompt(
      renderChat(
        [
          { role: 'user', text: 'q' },
          { role: 'assistant', text },
        ],
        true,
      ),
    ).answered,
    2,
  )
})

test('an answer ends by itself, by the limit, or never', () => {
  const prompt = readPrompt(encode('tokens:10'))
  const ends = [{ tokensMax: 11 }, { tokensMax: 10 }, { tokensMax: 9 }, { tokensMax: 50, ignoresEnd: true }].map(
    (more) => {
      const plan = planAnswer(prompt, { ...options, ...more })
      return [plan.count, plan.finish]
    },
  )
  assert.deepEqual(ends, [
    [10, 'stop'],
    [10, 'stop'],
    [9, 'length'],
    [50, 'length'],
  ])
})

test('a stop string ends the answer before it, wherever it falls', () => {
  const question = 'tokens:30'
  const whole = expectedAnswer(question)
  fc.assert(
    fc.property(fc.integer({ min: 0, max: whole.length - 12 }), fc.integer({ min: 1, max: 12 }), (start, length) => {
      const stop = whole.slice(start, start + length)
      const plan = planAnswer(readPrompt(encode(question)), { ...options, stop: ['never there', stop] })
      const said = Array.from({ length: plan.count }, (_, at) => plan.textAt(at)).join('')
      assert.equal(said, whole.slice(0, whole.indexOf(stop)))
      assert.deepEqual([plan.finish, plan.stopString], ['stop', stop])
    }),
  )
})

test('a tool call cut by the limit does not look like a whole one', () => {
  const prompt = readPrompt(encode('call:x'))
  assert.equal(planAnswer(prompt, { ...options, calls: ['x'], tokensMax: 1000 }).finish, 'tool_calls')
  assert.equal(planAnswer(prompt, { ...options, calls: ['x'], tokensMax: 3 }).finish, 'length')
})

test('ids tell which piece of an answer they are', () => {
  assert.deepEqual(fromAnswerId(answerId(promptHash('p'), 77))?.index, 77)
  assert.equal(fromAnswerId(marks.user), null)
})
