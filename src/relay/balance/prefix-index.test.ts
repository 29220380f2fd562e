// Tests of what is remembered of prompts: by example, and against a plain model of it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { JsonBody } from '../../dialect/json-body.ts'
import { PrefixIndex } from './prefix-index.ts'
import { type PromptChain, promptChain } from './prompt-chain.ts'

const keepMs = 600_000
const unlimited = { bytesMax: Infinity, keepMs }

interface Server {
  readonly name: string
}
const [a, b]: [Server, Server] = [{ name: 'a' }, { name: 'b' }]

const open = (blocksMax = 4096): PrefixIndex<Server> => new PrefixIndex<Server>({ blocksMax })

function chainOf(content: string, salt = 'm', more: object = {}): PromptChain {
  return promptChain(JsonBody.parse(Buffer.from(JSON.stringify({ ...more, messages: [{ content }] }))), salt)
}

/** A chain of made-up blocks of ten bytes each: alike as long as the numbers are. */
function chainOfBlocks(blocks: readonly number[]): PromptChain {
  const keys = new Int32Array(2 * blocks.length)
  let hash = 7
  blocks.forEach((block, i) => {
    hash = Math.imul(hash ^ (block + 1), 0x9e3779b1) ^ (hash >>> 15)
    keys[2 * i] = hash
    keys[2 * i + 1] = block
  })
  const ends = Uint32Array.from(blocks, (_, i) => 10 * (i + 1))
  return { count: blocks.length, keys, ends, promptBytes: 10 * blocks.length }
}

const story = 'Once upon a time there was a gateway that never lost an answer. '.repeat(80)

test('the next turn of a conversation is known as far as it repeats the last one', () => {
  const index = open()
  const turn = JSON.stringify([{ role: 'user', content: story }]).slice(0, -1)
  const body = (messages: string): JsonBody => JsonBody.parse(Buffer.from(`{"model":"m","messages":${messages}}`))
  index.note(a, promptChain(body(`${turn}]`), 'm'), 0, unlimited)
  const next = promptChain(
    body(`${turn},{"role":"assistant","content":"And?"},{"role":"user","content":"Go on."}]`),
    'm',
  )
  const heldBytes = index.heldBytes(a, next, 1000)
  assert.ok(heldBytes > turn.length * 0.9 && heldBytes <= turn.length, `${heldBytes} of ${turn.length}`)
  assert.equal(index.heldBytes(b, next, 1000), 0)
  assert.deepEqual(index.bestHolders(next, 1000, 2), [a])
})

test('other fields may differ, tools and instructions may not, nor the salt', () => {
  const index = open()
  const asked = chainOf(story, 'm', { temperature: 1, tools: [{ name: 'search' }] })
  index.note(a, asked, 0, unlimited)
  const held = (chain: PromptChain): number => index.heldBytes(a, chain, 0)
  assert.ok(held(chainOf(story, 'm', { temperature: 0.2, user: 'ann', tools: [{ name: 'search' }] })) > 4000)
  assert.equal(held(chainOf(story, 'm', { tools: [{ name: 'fetch' }] })), 0)
  assert.equal(held(chainOf(story, 'm', { system: 'Be brief.', tools: [{ name: 'search' }] })), 19)
  assert.equal(held(chainOf(story, 'another', { tools: [{ name: 'search' }] })), 0)
})

test('of a prompt of megabytes only the beginning is looked at, and a short one has no blocks', () => {
  const long = chainOf('x'.repeat(4e6))
  assert.equal(long.count, 224)
  assert.equal(long.ends.at(-1), 260_096)
  assert.equal(long.promptBytes > 4e6, true)
  assert.equal(chainOf('Hi!').count, 0)
  const index = open()
  index.note(a, chainOf('Hi!'), 0, unlimited)
  assert.equal(index.heldBytes(a, chainOf('Hi!'), 0), 0)
})

test('one changed byte anywhere changes all blocks behind it', () => {
  const index = open()
  index.note(a, chainOf(story), 0, unlimited)
  fc.assert(
    fc.property(fc.nat(story.length - 1), (at) => {
      const changed = `${story.slice(0, at)}#${story.slice(at + 1)}`
      assert.ok(index.heldBytes(a, chainOf(changed), 0) <= at + 13, `held beyond byte ${at}`)
    }),
  )
})

test('what was not used for ten minutes is gone, what was used meanwhile stays', () => {
  const index = open()
  const chain = chainOf(story)
  index.note(a, chain, 0, unlimited)
  index.note(b, chain, 0, unlimited)
  index.note(b, chain, keepMs - 1, unlimited)
  assert.equal(index.heldBytes(a, chain, keepMs + 1), 0)
  assert.deepEqual(index.bestHolders(chain, keepMs + 1, 2), [b])
})

test('a holder that was restarted has nothing', () => {
  const index = open()
  const chain = chainOf(story)
  index.note(a, chain, 0, unlimited)
  index.note(b, chain, 0, unlimited)
  index.forget(a)
  assert.equal(index.heldBytes(a, chain, 0), 0)
  assert.deepEqual(index.bestHolders(chain, 0, 2), [b])
  index.forget(b)
  assert.equal(index.blockCount, 0)
})

test('a holder forgets what it used longest ago when its cache is full: the ends of old prompts first', () => {
  const index = open()
  const small = { bytesMax: 60, keepMs }
  index.note(a, chainOfBlocks([1, 2, 3, 4]), 0, small)
  index.note(a, chainOfBlocks([1, 2, 8, 9]), 1, small)
  index.note(a, chainOfBlocks([1, 7]), 2, small)
  assert.equal(index.blockCount, 6)
  assert.equal(index.heldBytes(a, chainOfBlocks([1, 2, 3, 4]), 2), 30)
  assert.equal(index.heldBytes(a, chainOfBlocks([1, 2, 8, 9]), 2), 40)
  assert.equal(index.heldBytes(a, chainOfBlocks([1, 7]), 2), 20)
})

test('the table never grows, and whoever holds most gives way', () => {
  const index = open(100)
  for (let i = 0; i < 90; i++) index.note(a, chainOfBlocks([1000 + i]), i, unlimited)
  for (let i = 0; i < 40; i++) index.note(b, chainOfBlocks([2000 + i]), 100 + i, unlimited)
  assert.equal(index.blockCount, 100)
  for (let i = 0; i < 40; i++) assert.equal(index.heldBytes(b, chainOfBlocks([2000 + i]), 200), 10)
  assert.equal(index.heldBytes(a, chainOfBlocks([1000]), 200), 0)
  assert.equal(index.heldBytes(a, chainOfBlocks([1089]), 200), 10)
})

/** The same in a few lines: a list of prefixes for each holder, most lately used last. */
class Model {
  #held = new Map<Server, string[]>([
    [a, []],
    [b, []],
  ])
  note(key: Server, blocks: readonly number[], bytesMax: number): void {
    const own = blocks.map((_, i) => blocks.slice(0, i + 1).join())
    const kept = this.#held.get(key)!.filter((prefix) => !own.includes(prefix))
    this.#held.set(key, [...kept, ...own.toReversed()].slice(-Math.floor(bytesMax / 10)))
  }
  heldBytes(key: Server, blocks: readonly number[]): number {
    const depth = blocks.findIndex((_, i) => !this.#held.get(key)!.includes(blocks.slice(0, i + 1).join()))
    return 10 * (depth === -1 ? blocks.length : depth)
  }
}

test('it holds what a plain list of prompts would hold', () => {
  const blocks = fc.array(fc.nat(2), { minLength: 1, maxLength: 6 })
  const step = fc.record({ key: fc.constantFrom(a, b), blocks, isForgotten: fc.nat(20).map((n) => n === 0) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 6, max: 30 }), (steps, blocksMax) => {
      const index = open()
      let model = new Model()
      for (const { key, blocks: prompt, isForgotten } of steps) {
        if (isForgotten) {
          for (const each of [a, b]) index.forget(each)
          model = new Model()
        }
        for (const each of [a, b])
          assert.equal(index.heldBytes(each, chainOfBlocks(prompt), 0), model.heldBytes(each, prompt))
        index.note(key, chainOfBlocks(prompt), 0, { bytesMax: blocksMax * 10, keepMs })
        model.note(key, prompt, blocksMax * 10)
      }
    }),
  )
})
