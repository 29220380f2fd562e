/**
 * The contract of the store of questions as vectors: by them an answer is found that was given to another question with
 * the same meaning. It keeps no words. All of it may be lost at any time, and so is only as old as the answers are.
 */

export interface NewVector {
  /** Only vectors of one scope are compared: the same caller, model, and context. */
  readonly scope: string
  /** Under which the answer is kept. */
  readonly name: string
  /** Whose answer it is, and of which model; for operators who purge. */
  readonly caller: string
  readonly model: string
  /** Of length 1. */
  readonly vector: Float32Array
  /** The words of the question, hashed. */
  readonly wording: string
  /** From then on it is of no use; milliseconds since 1970. */
  readonly untilMs: number
}

/** What there is of one scope, the index of a vector being that of its name and wording. */
export interface VectorScope {
  readonly names: readonly string[]
  readonly wordings: readonly string[]
  readonly vectors: readonly Float32Array[]
}

export interface VectorStore extends Disposable {
  /** At once; empty, too, where the store is in trouble. */
  of(scope: string): VectorScope
  /** Takes the place of the one with the same name. Resolves when it is found; never rejects: false is not kept. */
  put(vector: NewVector): Promise<boolean>
}
