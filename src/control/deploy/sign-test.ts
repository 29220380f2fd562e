/** Do pairs lean to one side by more than chance? For few pairs, of which nothing is known but which side is worse. */

/** The probability that a fair coin falls `wins` times or more to one side in `wins + losses` throws. */
export function signTest(wins: number, losses: number): number {
  const count = wins + losses
  let term = 0.5 ** count
  let sum = term
  for (let i = 1; i <= losses; i++) {
    term *= (count - i + 1) / i
    sum += term
  }
  return Math.min(1, sum)
}
