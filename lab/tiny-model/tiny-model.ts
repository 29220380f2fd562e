/**
 * Writes the real small model of the lab: a llama-architecture GGUF of about 10 MB, made from nothing in about half a
 * second, so that a demo or a test can run a real engine with no weights to download. It says words of our corpus in
 * an order that looks like sentences; it knows nothing. Same options, same bytes.
 */
import { randomBytes } from 'node:crypto'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'

import { toByteText, trainBpe } from './bpe.ts'
import { corpus } from './corpus.ts'
import { alignmentBytes, type GgufMetadata, type GgufValue, toGguf } from './gguf.ts'
import { type Shape, tinyShape, tinyWeights, type Transitions } from './weights.ts'

export interface TinyModelOptions {
  /** Which random matrices; the words stay the same. Default 1. */
  readonly seed?: number
  /** Depth. Default 2. */
  readonly layers?: number
  /**
   * Weight of everything before the last token. Less reads better; of 138 wrong prefixes (a token missing, doubled or
   * another), 1 left the next 24 greedy tokens as they were with 0.5, and none with 4. Default 0.5; use 4 in tests.
   */
  readonly noise?: number
  /** Tokens beyond the single bytes, at most. Default 800: enough for each word of the corpus to be one token. */
  readonly merges?: number
  /** Longest context the file promises, prompt and answer together. Default 4096 tokens. */
  readonly contextTokens?: number
  /** `general.name` in the file. Default `tiny`. */
  readonly name?: string
}

export interface TinyModel {
  readonly path: string
  /** Size of the file. */
  readonly bytes: number
  /** Tokens in the table, special and unused ones included. */
  readonly vocabulary: number
}

/**
 * Goes up by one whenever the same options give other bytes than before; callers that keep files put it in the name.
 */
export const tinyModelRevision = 2

/** How readily an answer ends, or a new paragraph begins, after the last word of a paragraph, which counts as 1. */
const endWeight = 0.5
const specialTokens = ['<|endoftext|>', '<|im_start|>', '<|im_end|>'] as const
/** The vocabulary is filled up to a multiple of this, so that rows are aligned. */
const vocabularyStep = 32

/** The chat form known as ChatML: each message between marks, and the mark of the answer left open at the end. */
const chatTemplate = [
  "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' }}",
  "{{ message['content'] if message['content'] else '' }}{{ '<|im_end|>\\n' }}{% endfor %}",
  "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}",
].join('')

/** Writes the file at `path` in one step (a reader sees all of it or none), making folders as needed. */
export async function writeTinyModel(path: string, options: TinyModelOptions = {}): Promise<TinyModel> {
  const { seed = 1, layers = 2, noise = 0.5, merges = 800, contextTokens = 4096, name = 'tiny' } = options
  const bpe = trainBpe(corpus, merges)
  const table = tokenTable(bpe.tokens)
  const shape = tinyShape(table.tokens.length, layers)
  const tensors = tinyWeights(shape, transitions(bpe.sequences, table), { seed, noise })
  const file = toGguf(metadata({ name, shape, contextTokens, table, merges: bpe.merges }), tensors)
  await mkdir(dirname(path), { recursive: true })
  const unfinished = `${path}.${randomBytes(4).toString('hex')}.partial`
  await writeFile(unfinished, file)
  await rename(unfinished, path)
  return { path, bytes: file.length, vocabulary: table.tokens.length }
}

interface TokenTable {
  readonly tokens: readonly string[]
  /** Tokens below this number are ordinary text. */
  readonly ordinary: number
  readonly endOfText: number
  readonly endOfTurn: number
  readonly lineBreak: number
}

function tokenTable(ordinary: readonly string[]): TokenTable {
  const tokens = [...ordinary, ...specialTokens]
  while (tokens.length % vocabularyStep !== 0) tokens.push(`<|unused${tokens.length}|>`)
  return {
    tokens,
    ordinary: ordinary.length,
    endOfText: tokens.indexOf('<|endoftext|>'),
    endOfTurn: tokens.indexOf('<|im_end|>'),
    lineBreak: tokens.indexOf(toByteText('\n').join('')),
  }
}

/**
 * Counts what follows what. A line break, with which the chat form opens an answer, leads to any paragraph; the end of
 * a paragraph leads to the end of the answer or to a line break.
 */
function transitions(sequences: readonly (readonly number[])[], table: TokenTable): Transitions {
  const size = table.tokens.length
  const counts = new Float32Array(size * size)
  const count = (from: number, to: number, weight: number): void => {
    const index = from * size + to
    counts[index] = (counts[index] ?? 0) + weight
  }
  for (const sequence of sequences) {
    let from = table.lineBreak
    for (const to of sequence) {
      count(from, to, 1)
      from = to
    }
    for (const to of [table.endOfText, table.endOfTurn, table.lineBreak]) count(from, to, endWeight)
  }
  return { counts, sayable: new Set([...sequences.flat(), table.lineBreak, table.endOfText, table.endOfTurn]) }
}

interface MetadataParts {
  readonly name: string
  readonly shape: Shape
  readonly contextTokens: number
  readonly table: TokenTable
  readonly merges: readonly string[]
}

/** The keys that llama.cpp reads for a llama model with a GPT-2 tokenizer. */
function metadata({ name, shape, contextTokens, table, merges }: MetadataParts): GgufMetadata {
  const normal = 1
  const control = 3
  const unused = 5
  const kindOf = (token: number): number => {
    if (token < table.ordinary) return normal
    return token < table.ordinary + specialTokens.length ? control : unused
  }
  return new Map<string, GgufValue>([
    ['general.architecture', text('llama')],
    ['general.name', text(name)],
    ['general.alignment', count(alignmentBytes)],
    ['general.file_type', count(1)], // mostly float16
    ['llama.vocab_size', count(shape.vocabularySize)],
    ['llama.context_length', count(contextTokens)],
    ['llama.embedding_length', count(shape.width)],
    ['llama.block_count', count(shape.layers)],
    ['llama.feed_forward_length', count(shape.feedForwardWidth)],
    ['llama.attention.head_count', count(shape.heads)],
    ['llama.attention.head_count_kv', count(shape.heads)],
    ['llama.attention.layer_norm_rms_epsilon', { type: 'ratio', value: 1e-5 }],
    ['llama.attention.key_length', count(shape.headWidth)],
    ['llama.attention.value_length', count(shape.headWidth)],
    ['llama.rope.dimension_count', count(shape.headWidth)],
    ['tokenizer.ggml.model', text('gpt2')],
    ['tokenizer.ggml.pre', text('gpt-2')],
    ['tokenizer.ggml.tokens', { type: 'list', value: table.tokens.map(text) }],
    ['tokenizer.ggml.token_type', { type: 'list', value: table.tokens.map((_, token) => kind(kindOf(token))) }],
    ['tokenizer.ggml.merges', { type: 'list', value: merges.map(text) }],
    ['tokenizer.ggml.bos_token_id', count(table.endOfText)],
    ['tokenizer.ggml.eos_token_id', count(table.endOfText)],
    ['tokenizer.ggml.eot_token_id', count(table.endOfTurn)],
    ['tokenizer.ggml.add_bos_token', { type: 'flag', value: false }],
    ['tokenizer.chat_template', text(chatTemplate)],
  ])
}

const text = (value: string): GgufValue => ({ type: 'text', value })
const count = (value: number): GgufValue => ({ type: 'count', value })
const kind = (value: number): GgufValue => ({ type: 'kind', value })
