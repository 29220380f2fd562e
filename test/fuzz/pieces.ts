/** Cuts bytes as a network may: at places that hang on the bytes alone, so that a finding can be played again. */
export function pieces(bytes: Buffer): Buffer[] {
  let state = (bytes.length * 2_654_435_761 + (bytes[bytes.length >> 1] ?? 0)) >>> 0
  // Every second input byte by byte, if it is short: all places at once.
  const longest = bytes.length < 600 && state % 2 === 0 ? 1 : 1 + (state % 61)
  const cut: Buffer[] = []
  for (let at = 0; at < bytes.length; ) {
    state = (state * 1_664_525 + 1_013_904_223) >>> 0
    const to = Math.min(bytes.length, at + 1 + (longest === 1 ? 0 : (state >>> 8) % longest))
    // Copies: what is told of them may be kept only so long, and is overwritten as the network's buffer is.
    cut.push(Buffer.from(bytes.subarray(at, to)))
    at = to
  }
  return cut
}
