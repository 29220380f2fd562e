/** The real small model in llama-server, and what makes the real one ill. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { tinyModelCommand } from '../../lab/start-tiny-model.ts'
import type { Stage } from '../control/stage.ts'
import type { Outcome } from '../crash/chat.ts'
import { type Engine, type Ill, NotHere } from './engine.ts'

const cacheDir = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'holdfast')
/** Token by token, one at a time, and greedy: the same words at every replica. */
const extraArgs = ['--no-cache-prompt', '--ubatch-size', '1']
const greedy = { temperature: 0, max_tokens: 200, ignore_eos: true, cache_prompt: false }
const prompts = ['Tell me about the sea.', 'What is a mountain?', 'Why does it rain?', 'Name some birds.']
const model = 'tiny'

/** A process of the replica beside the server, as a plugin or a loader might be; 4 MiB a second once it is told. */
const leaker = `const kept = []
process.once('SIGUSR2', () => setInterval(() => kept.push(Buffer.alloc(2 ** 20, 1)), 250))
setInterval(() => {}, 60_000)`
const leaking = '"$1" -e "$2" & shift 2; exec "$@"'

/** Stops one thread and no other, as a lock that is never freed does; until the process is gone. */
const freezer = `import ctypes, os, sys
pid = int(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long] * 4
if libc.ptrace(16, pid, 0, 0) != 0: sys.exit(os.strerror(ctypes.get_errno()))
os.waitpid(pid, 0x40000000)
print("stopped", flush=True)
os.waitpid(pid, 0x40000000)`

/** The parser of grammars calls itself for each bracket, until its stack is full. */
const brackets = 50_000

/** @throws {Error} where it cannot be had */
export async function llamaEngine(): Promise<Engine> {
  const command = await tinyModelCommand({ cacheDir, noise: 4, slots: 1, extraArgs })
  const expected = new Map<string, string>()
  const ills: readonly Ill[] = ['sigkill', 'sigstop', 'leak', 'deadlock', 'disk-full', 'poison']
  return {
    ills,
    command: (ill) =>
      ill === 'leak' ? ['/bin/sh', '-c', leaking, 'sh', process.execPath, leaker, ...command] : command,
    prepare: async (url) => {
      for (const prompt of prompts) expected.set(prompt, await askPlain(url, prompt))
    },
    ask: async (url, lane, n): Promise<Outcome> => {
      const prompt = prompts[(lane + n) % prompts.length] ?? ''
      try {
        const text = await (lane % 4 === 1 ? askPlain : askStream)(url, prompt)
        const isWhole = text === expected.get(prompt)
        const detail = isWhole ? '' : `${text.length} of ${expected.get(prompt)?.length} characters, or other ones`
        return { verdict: isWhole ? 'whole' : 'naked', code: null, detail, tokens: 0 }
      } catch (error) {
        return { verdict: 'refused', code: null, detail: String((error as Error).cause ?? error), tokens: 0 }
      }
    },
    leak: async (stage, replica) => {
      const isLeaker = (pid: number): boolean => readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('SIGUSR2')
      const pid = (await stage.pidsOf(replica)).find(isLeaker)
      if (pid === undefined) throw new Error('nothing that could leak runs')
      process.kill(pid, 'SIGUSR2')
    },
    deadlock,
    poison: { model, messages: [{ role: 'user', content: 'x' }], grammar: `root ::= ${'('.repeat(brackets)}` },
  }
}

/** Its main thread computes; others answer for its health. */
async function deadlock(stage: Stage, replica: string): Promise<Disposable> {
  const child = spawn('python3', ['-c', freezer, String(await stage.serverPid(replica))])
  let said = ''
  child.stderr.on('data', (bytes: Buffer) => (said += bytes.toString()))
  const ended = once(child, 'close').then(
    () => said.trim(),
    (error: unknown) => String(error),
  )
  const complaint = await Promise.race([once(child.stdout, 'data').then(() => null), ended])
  if (complaint !== null) throw new NotHere(`one thread of it cannot be stopped here: ${complaint}`)
  return { [Symbol.dispose]: () => void child.kill('SIGKILL') }
}

async function post(url: string, prompt: string, stream: boolean): Promise<string> {
  const messages = [{ role: 'user', content: prompt }]
  const body = JSON.stringify({ model, messages, stream, ...greedy })
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch(`${url}/v1/chat/completions`, { method: 'POST', headers, body })
  const said = await answer.text()
  if (!answer.ok) throw new Error(`${answer.status} ${said.slice(0, 200)}`)
  return said
}

async function askPlain(url: string, prompt: string): Promise<string> {
  const { choices } = JSON.parse(await post(url, prompt, false)) as { choices: { message: { content: string } }[] }
  return choices[0]?.message.content ?? ''
}

async function askStream(url: string, prompt: string): Promise<string> {
  const events = (await post(url, prompt, true))
    .split('\n\n')
    .flatMap((event) => /^data: (\{.*)$/m.exec(event)?.[1] ?? [])
  const chunks = events.map(
    (json) => JSON.parse(json) as { choices?: { delta: { content?: string } }[]; error?: object },
  )
  const fault = chunks.find(({ error }) => error)
  if (fault) throw new Error(JSON.stringify(fault.error).slice(0, 300))
  return chunks.map(({ choices }) => choices?.[0]?.delta.content ?? '').join('')
}
