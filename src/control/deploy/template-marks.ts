/**
 * Signs of a wrong chat template: marks of templates in the text, which a right one keeps to itself; the prompt
 * said again; the same words over and over.
 */

/** Marks that well-known templates put between messages. None of them belongs into an answer. */
const marks: readonly RegExp[] = [
  /<\|(?:im_start|im_end|im_sep|endoftext|eot_id|eom_id|start_header_id|end_header_id|begin_of_text|end_of_text)\|>/,
  /<\|(?:system|user|assistant|end|start|message|channel|return|call|observation|endofprompt|fim_[a-z]+)\|>/,
  /<(?:start_of_turn|end_of_turn|bos|eos|pad)>/,
  /\[\/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS)\]/,
  /<<\/?SYS>>/,
  /<｜[^<>｜]{1,40}｜>/,
  /<\/?s>/,
  /^(?:###? ?)?(?:Human|User|Assistant|Instruction|Response): ?$/m,
]

/** The mark of a template that stands in an answer; null for none. One that the prompt has, too, was asked for. */
export function findMark(answer: string, prompt: string): string | null {
  for (const mark of marks) {
    const found = mark.exec(answer)?.[0]
    if (found !== undefined && !prompt.includes(found)) return found
  }
  return null
}

const echoCharsMin = 40

/** Whether an answer begins with the end, or the whole, of its prompt. */
export function isEcho(answer: string, prompt: string): boolean {
  const [said, asked] = [answer.trimStart(), prompt.trim()]
  if (asked.length < echoCharsMin) return asked.length > 12 && said.startsWith(asked)
  return (
    said.startsWith(asked) ||
    said.startsWith(asked.slice(0, echoCharsMin)) ||
    said.startsWith(asked.slice(-echoCharsMin))
  )
}

/** Only the end is looked at, where a loop is once it has begun. */
const tailChars = 2000
const unitCharsMax = 200
const loopCharsMin = 120
const roundsMin = 4

/** Whether an answer ends in the same words over and over: at least four times, and 120 characters. */
export function isLooping(answer: string): boolean {
  const tail = answer.slice(-tailChars)
  for (let unit = 1; unit <= Math.min(unitCharsMax, tail.length / roundsMin); unit++) {
    const wanted = Math.max(loopCharsMin, unit * roundsMin)
    if (wanted > tail.length) break
    let same = unit
    while (same < tail.length && tail.at(-1 - same) === tail.at(-1 - same + unit)) same++
    if (same >= wanted) return true
  }
  return false
}
