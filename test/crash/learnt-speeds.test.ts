/** What a gateway has learnt of its servers: kept when it ends, and no damage to the file keeps it from starting. */
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openSimServer } from '../../lab/sim-server.ts'
import { startGateway } from './gateway.ts'

interface Kept {
  readonly entries: readonly { url: string; model: string; firstToken?: { intercept: number; count: number } }[]
}

async function ask(url: string, text: string): Promise<void> {
  const body = JSON.stringify({ model: 'lab-model', stream: true, messages: [{ role: 'user', content: text }] })
  const answer = await fetch(`${url}/v1/chat/completions`, { method: 'POST', body, headers: jsonType })
  assert.match(await answer.text(), /\[DONE\]/)
}

const jsonType = { 'content-type': 'application/json' }

test('what was learnt of a server is there after the end, whatever journal there is, and a torn file is replaced', async () => {
  await using server = await openSimServer({})
  const state = await mkdtemp(join(tmpdir(), 'holdfast-speeds-'))
  const path = join(state, 'speeds.json')
  const flags = ['--upstream', `${server.url}/v1`, '--journal', 'memory', '--workers', '1', '--state', state]
  const kept = async (): Promise<Kept['entries']> => (JSON.parse(await readFile(path, 'utf8')) as Kept).entries
  try {
    await writeFile(path, '{"entries":[{"url')
    await using gateway = await startGateway(...flags)
    for (let i = 0; i < 8; i++) await ask(gateway.url, `${i} tokens:4`)
    await gateway.end('SIGTERM')
    const [entry] = await kept()
    assert.deepEqual([entry?.url, entry?.model], [`${server.url}/v1`, 'lab-model'])
    assert.ok((entry?.firstToken?.count ?? 0) >= 5)
    assert.match(JSON.stringify(gateway.lines), /the speeds of servers cannot be read/)

    await using next = await startGateway(...flags)
    await ask(next.url, 'tokens:4')
    await next.end('SIGTERM')
    assert.equal((await kept())[0]?.firstToken?.intercept, entry?.firstToken?.intercept, 'one call is no better')
  } finally {
    await rm(state, { recursive: true, maxRetries: 20, retryDelay: 100 })
  }
})
