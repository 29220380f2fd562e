/**
 * The Huffman code of HPACK (RFC 7541, appendix B), as a tree to walk bit by bit. The code is canonical: its words in
 * the order of their lengths and symbols are the numbers in order, so the lengths say all.
 */

/** Of the symbols 0 to 256 (which is the end of a string): `a` for a word of five bits, `z` for one of thirty. */
const lengths =
  'isxxxxxxxtzxxzxxxxxxxxzxxxxxxxxxbffhibdgffdgdbbbaaabbbbbbbcdkbhfibccccccccccccccccccccccdcdioijbkabababbbaccbbbabcbaabccccckgjixprpprrrsrssssststtrstssssqrsrsstrqprrssqsrrtqrssqqrqsrssprrrsrrsvvporsruvvvwwvtuoqvwwvwtqqvvxwwwptpqrqqsrruuttvsvwvvwwwwwxwwwwwvz'
const shortest = 5
const longest = 30
const symbols = 256

/** Of the node `n`: at `2n` where a 0 leads, at `2n + 1` where a 1 does; below zero it is a symbol, `~symbol`. */
export const huffmanTree: Int16Array = plant()

function plant(): Int16Array {
  const tree = new Int16Array(2 * symbols)
  let count = 1
  let word = 0
  for (let length = shortest; length <= longest; length++, word *= 2)
    for (let symbol = 0; symbol <= symbols; symbol++) {
      if (lengths.charCodeAt(symbol) - 97 + shortest !== length) continue
      let node = 0
      for (let bit = length - 1; bit > 0; bit--) {
        const at = 2 * node + ((word >>> bit) & 1)
        if (tree[at] === 0) tree[at] = count++
        node = tree[at] as number
      }
      tree[2 * node + (word & 1)] = ~symbol
      word++
    }
  return tree
}
