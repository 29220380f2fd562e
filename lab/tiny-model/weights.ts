/**
 * The matrices of the tiny model. It is not trained by gradient: they are written down directly.
 *
 * A llama-like network carries one vector through its layers, each layer adds something to it, and at the end a matrix
 * (the head) turns it into one score a token. Our vector has three regions:
 *
 * | width        | holds                                      | written by               |
 * | ------------ | ------------------------------------------ | ------------------------ |
 * | `vocabulary` | 1 at the current token, 0 elsewhere        | the embedding            |
 * | `free`       | a trace of everything before               | embedding and each layer |
 * | 1            | always 1: gives the head a constant to use | the embedding            |
 *
 * The head reads the first region as "which word follows this one in the corpus": that alone is a Markov chain, and its
 * continuation would depend on the last token only. The free region is what makes it a worthy test object: attention
 * with random matrices mixes all earlier tokens, with their positions, into it, and the head adds `noise` times a
 * random function of it to the scores. So a single token that is missing, doubled or changed *anywhere* in the prefix
 * moves the scores, and with enough noise the most probable next token as well. A gateway that continues a broken
 * answer from a wrong prefix is thereby found out, while a right one gets the same words again.
 *
 * Greedy decoding takes the highest score at each step: no chance is involved. With one build of the engine, one thread
 * and the same tokens before, the arithmetic is the same operation by operation, and so is the text.
 */
import { type Random, seededRandom } from '../../src/ground/random.ts'

export interface Tensor {
  readonly name: string
  /** Lengths by dimension, the fastest running one first, as GGUF writes them. */
  readonly shape: readonly number[]
  readonly values: Float32Array
}

export interface Shape {
  readonly vocabularySize: number
  readonly layers: number
  readonly heads: number
  /** Length of the queries, keys and values of one head. */
  readonly headWidth: number
  /** Length of the vector that runs through the layers. */
  readonly width: number
  readonly feedForwardWidth: number
}

export interface Transitions {
  /** `counts[from * size + to]`: how often, or how readily, `to` follows `from`. */
  readonly counts: Float32Array
  /** Tokens that the model may say; all other ones are kept from the answer. */
  readonly sayable: ReadonlySet<number>
}

/** Width of the free region, without the constant. */
const freeWidth = 63
const headCount = 4
/**
 * Much less than the width of the vector divided by the heads, as is usual: it keeps the file and the context small.
 */
const headWidth = 64
const hiddenWidth = 256
/** Score of a follower that the corpus does not have; about as low as a float16 model can tell from impossible. */
const unseenScore = -12
/** Score of every token after one that the corpus never shows: then any word is as good as another. */
const strangerScore = -3
/** Score of tokens that must not be said at all. */
const forbiddenScore = -30

export function tinyShape(vocabularySize: number, layers: number): Shape {
  const width = vocabularySize + freeWidth + 1
  return { vocabularySize, layers, heads: headCount, headWidth, width, feedForwardWidth: hiddenWidth }
}

/** All tensors of the model under the names that llama.cpp looks for. The order of drawing is part of the format. */
export function tinyWeights(
  shape: Shape,
  transitions: Transitions,
  options: { seed: number; noise: number },
): Tensor[] {
  const random = seededRandom(options.seed)
  const { width, vocabularySize } = shape
  return [
    { name: 'token_embd.weight', shape: [width, vocabularySize], values: embedding(shape, random) },
    { name: 'output.weight', shape: [width, vocabularySize], values: head(shape, transitions, options.noise, random) },
    ones('output_norm.weight', width),
    ...Array.from({ length: shape.layers }, (_, layer) => layerWeights(shape, `blk.${layer}.`, random)).flat(),
  ]
}

function layerWeights(shape: Shape, prefix: string, random: Random): Tensor[] {
  const { width, feedForwardWidth } = shape
  const headsWidth = shape.heads * shape.headWidth
  const scale = 1 / Math.sqrt(width)
  const mix = (name: string, columns: number, rows: number, factor: number): Tensor => ({
    name: prefix + name,
    shape: [columns, rows],
    values: matrix(rows, columns, () => factor * draw(random)),
  })
  // What a layer adds to the vector goes into the free region only: the current token and the constant stay as they
  // are.
  const intoFree = (name: string, columns: number, factor: number): Tensor => ({
    name: prefix + name,
    shape: [columns, width],
    values: matrix(width, columns, (row) => (isFree(shape, row) ? factor * draw(random) : 0)),
  })
  return [
    ones(`${prefix}attn_norm.weight`, width),
    // Queries and keys of fourfold strength: attention then picks a few earlier tokens and does not average all of them
    // away.
    mix('attn_q.weight', width, headsWidth, 4 * scale),
    mix('attn_k.weight', width, headsWidth, 4 * scale),
    mix('attn_v.weight', width, headsWidth, scale),
    intoFree('attn_output.weight', headsWidth, 2 / Math.sqrt(headsWidth * freeWidth)),
    ones(`${prefix}ffn_norm.weight`, width),
    mix('ffn_gate.weight', width, feedForwardWidth, scale),
    mix('ffn_up.weight', width, feedForwardWidth, scale),
    intoFree('ffn_down.weight', feedForwardWidth, 0.5 / Math.sqrt(feedForwardWidth * freeWidth)),
  ]
}

/**
 * Row by token: itself in the first region, a random signature of length sqrt(1/2) in the free one, and the constant.
 */
function embedding(shape: Shape, random: Random): Float32Array {
  const factor = 1 / Math.sqrt(2 * freeWidth)
  return matrix(shape.vocabularySize, shape.width, (token, column) => {
    if (isFree(shape, column)) return factor * draw(random)
    return column === token || column === shape.width - 1 ? 1 : 0
  })
}

/** Row by next token: its log-probability after each token, random sensitivity to the free region, and a constant. */
function head(shape: Shape, { counts, sayable }: Transitions, noise: number, random: Random): Float32Array {
  const size = shape.vocabularySize
  // The engine scales the vector to length sqrt(width) before the head. It has a length of about sqrt(3) before that
  // (token, constant, half from the signature, half from the layers), so this factor gives the scores back their size.
  const unit = Math.sqrt(3 / shape.width)
  const sums = Array.from({ length: size }, (_, from) => sum(counts.subarray(from * size, (from + 1) * size)))
  return matrix(size, shape.width, (to, column) => {
    if (column === shape.width - 1) return sayable.has(to) ? 0 : unit * forbiddenScore
    if (isFree(shape, column)) return unit * noise * draw(random)
    const total = sums[column] ?? 0
    if (total === 0) return unit * strangerScore
    const share = (counts[column * size + to] ?? 0) / total
    return unit * (share === 0 ? unseenScore : Math.max(unseenScore, Math.log(share)))
  })
}

function isFree(shape: Shape, column: number): boolean {
  return column >= shape.vocabularySize && column < shape.width - 1
}

/**
 * A random number of mean 0 and variance 1, uniform. Sums of hundreds of them are what the network sees, so their own
 * distribution does not matter, and this one needs no logarithm or cosine whose last bit could differ between machines.
 */
function draw(random: Random): number {
  return (random.unit() - 0.5) * Math.sqrt(12)
}

function matrix(rows: number, columns: number, at: (row: number, column: number) => number): Float32Array {
  const values = new Float32Array(rows * columns)
  for (let row = 0, index = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) values[index++] = at(row, column)
  }
  return values
}

function ones(name: string, length: number): Tensor {
  return { name, shape: [length], values: new Float32Array(length).fill(1) }
}

function sum(values: Float32Array): number {
  return values.reduce((total, value) => total + value, 0)
}
