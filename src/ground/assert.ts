/** An invariant of ours, kept on in production. A failed one is our bug and becomes HF_INTERNAL. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`invariant broken: ${message}`)
}
