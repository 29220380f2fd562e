/** Signs of a wrong chat template. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findMark, isEcho, isLooping } from './template-marks.ts'

test('marks of templates are found, unless the prompt has them', () => {
  for (const mark of ['<|im_start|>', '<|eot_id|>', '[/INST]', '<<SYS>>', '<end_of_turn>', '</s>', '<｜Assistant｜>'])
    assert.equal(findMark(`Sure. ${mark} and so on`, 'hello'), mark)
  assert.equal(findMark('### Instruction:\nmore', 'hello'), '### Instruction:')
  assert.equal(findMark('it ends with <|im_end|>', 'What does <|im_end|> mean?'), null)
  assert.equal(findMark('a < b | c > d, [INSTALL] <span> <section>', ''), null)
})

test('an answer that begins with its prompt is an echo', () => {
  const prompt = 'Tell me in three sentences what a lighthouse is for, please.'
  assert.equal(isEcho(`${prompt} A lighthouse`, prompt), true)
  assert.equal(isEcho('A lighthouse warns ships.', prompt), false)
  assert.equal(isEcho('ok then', 'ok'), false)
})

test('loops are found at the end of an answer', () => {
  assert.equal(isLooping(`It began well. ${'and then again '.repeat(20)}`), true)
  assert.equal(isLooping('!'.repeat(200)), true)
  assert.equal(isLooping(Array.from({ length: 200 }, (_, i) => `line ${i * 7}`).join(' ')), false)
  assert.equal(isLooping('ha ha ha ha'), false)
  assert.equal(isLooping(''), false)
})
