/** The weights that the lab writes: the same file for the same seed, and a file that says what it holds. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempDisposable, readdir, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { trainBpe } from '../../lab/tiny-model/bpe.ts'
import { tinyModelRevision, type TinyModelOptions, writeTinyModel } from '../../lab/tiny-model/tiny-model.ts'

/** Small enough to be written in a few milliseconds. */
const small: TinyModelOptions = { layers: 1, merges: 40 }

async function digestOf(options: TinyModelOptions): Promise<string> {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'holdfast-tiny-'))
  const { path } = await writeTinyModel(join(folder.path, 'model.gguf'), options)
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex')
}

test('writes the same bytes for the same seed, and other bytes for another seed or noise', async () => {
  const first = await digestOf(small)
  assert.equal(await digestOf({ ...small, seed: 1 }), first)
  assert.notEqual(await digestOf({ ...small, seed: 2 }), first)
  assert.notEqual(await digestOf({ ...small, noise: 4 }), first)
})

test('writes today what it wrote when its revision number was given', async () => {
  // If this fails, the model has changed: raise tinyModelRevision, so that files kept under the old number are not
  // used.
  assert.equal(tinyModelRevision, 2)
  assert.equal(await digestOf({}), '7464e67fc467d83b4ceddddd586dea006aaba4c638abbe06088357f0bf2e81bc')
})

test('writes a GGUF file whose header and tensor directory can be read back', async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), 'holdfast-tiny-'))
  const model = await writeTinyModel(join(folder.path, 'a', 'model.gguf'), {
    ...small,
    name: 'test',
    contextTokens: 512,
  })
  const file = readGguf(await readFile(model.path))
  assert.equal(file.metadata.get('general.architecture'), 'llama')
  assert.equal(file.metadata.get('general.name'), 'test')
  assert.equal(file.metadata.get('llama.context_length'), 512)
  const tokens = file.metadata.get('tokenizer.ggml.tokens')
  assert.ok(Array.isArray(tokens))
  assert.equal(tokens.length, model.vocabulary)
  assert.equal(new Set(tokens).size, tokens.length, 'no token text twice')
  assert.deepEqual(file.tensors.get('token_embd.weight'), [
    file.metadata.get('llama.embedding_length'),
    model.vocabulary,
  ])
  assert.equal(file.endOffset, model.bytes, 'the last tensor ends with the file')
  assert.deepEqual(await readdir(join(folder.path, 'a')), ['model.gguf'], 'nothing unfinished is left behind')
})

test('splits any text into tokens that join to the same bytes', () => {
  const texts = ['Bread and bread again.', 'crêpe, 20 °C: Zürich!', 'two  spaces\nand a line']
  const { tokens, sequences } = trainBpe(texts, 30)
  for (const [index, sequence] of sequences.entries()) {
    const length = sequence.reduce((total, token) => total + (tokens[token]?.length ?? 0), 0)
    assert.equal(length, Buffer.byteLength(texts[index] ?? ''), 'one character of the byte alphabet for each byte')
  }
  assert.equal(tokens.length, 256 + 30)
})

test('learns the most frequent pair first and stops when there is none left', () => {
  const { merges } = trainBpe(['abab ab'], 10)
  assert.equal(merges[0], 'a b')
  assert.ok(merges.length < 10)
  assert.deepEqual(trainBpe([''], 10).merges, [])
})

type Value = string | number | boolean | Value[]

/** A reader of its own, so that the writer is not checked against itself. Float tensors only. */
function readGguf(file: Buffer): { metadata: Map<string, Value>; tensors: Map<string, number[]>; endOffset: number } {
  let at = 0
  const u32 = (): number => file.readUInt32LE((at += 4) - 4)
  const u64 = (): number => Number(file.readBigUInt64LE((at += 8) - 8))
  const text = (): string => {
    const length = u64()
    return file.toString('utf8', at, (at += length))
  }
  const value = (type: number): Value => {
    if (type === 4 || type === 5) return u32()
    if (type === 6) return file.readFloatLE((at += 4) - 4)
    if (type === 7) return file.readUInt8(at++) === 1
    if (type === 8) return text()
    assert.equal(type, 9, 'a type this reader knows')
    const [inner, length] = [u32(), u64()]
    return Array.from({ length }, () => value(inner))
  }
  assert.equal(file.toString('latin1', 0, (at += 4)), 'GGUF')
  assert.equal(u32(), 3)
  const [tensorCount, metadataCount] = [u64(), u64()]
  const metadata = new Map(Array.from({ length: metadataCount }, () => [text(), value(u32())]))
  const tensors = new Map<string, number[]>()
  let dataLength = 0
  for (let index = 0; index < tensorCount; index++) {
    const name = text()
    const shape = Array.from({ length: u32() }, u64)
    const elementBytes = u32() === 0 ? 4 : 2
    const offset = u64()
    assert.equal(offset % 32, 0, `${name} begins at an aligned place`)
    tensors.set(name, shape)
    dataLength = offset + shape.reduce((product, length) => product * length, elementBytes)
  }
  return { metadata, tensors, endOffset: Math.ceil(at / 32) * 32 + Math.ceil(dataLength / 32) * 32 }
}
