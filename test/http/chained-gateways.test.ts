/** A gateway whose upstream is a gateway: when only the link between them breaks, the very same answer goes on. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openFaultProxy } from '../../lab/fault-proxy.ts'
import { expectedAnswer } from '../../lab/answer.ts'
import { openSimServer } from '../../lab/sim-server.ts'
import { checkConfig } from '../../src/config.ts'
import { openHouse } from '../../src/main.ts'
import { silentLog } from '../../src/observe/log.ts'

const base = { listeners: [{ host: '127.0.0.1', port: 0 }], journal: { engine: 'memory' as const } }

/** The numbers of the events and the text of a stream. */
async function readStream(answer: Response): Promise<{ ids: number[]; text: string; isDone: boolean }> {
  const body = await answer.text()
  const ids = [...body.matchAll(/^id: (\d+)$/gm)].map((match) => Number(match[1]))
  const text = [...body.matchAll(/^data: (\{.*\})$/gm)]
    .map((match) => (JSON.parse(match[1] as string) as { choices: { delta: { content?: string } }[] }).choices[0])
    .map((choice) => choice?.delta.content ?? '')
    .join('')
  return { ids, text, isDone: body.includes('data: [DONE]') }
}

for (const how of ['rst', 'fin'] as const) {
  test(`the link between two gateways breaks three times (${how}): one answer, asked of the model once`, async () => {
    await using sim = await openSimServer({ engine: { decodeRate: 60 } })
    const inner = checkConfig({
      ...base,
      upstreams: { sim: { url: `${sim.url}/v1`, kind: 'vllm', models: ['lab-model'] } },
    })
    await using far = await openHouse(inner, silentLog)
    await using link = await openFaultProxy({ target: far.urls[0] as string })
    const upstream = { url: `${link.url}/v1`, models: ['lab-model'] }
    await using near = await openHouse(checkConfig({ ...base, upstreams: { far: upstream } }), silentLog, 1)
    const prompt = `chained by ${how} tokens:90`
    const answer = await fetch(`${near.urls[0]}/v1/chat/completions`, {
      method: 'POST',
      body: JSON.stringify({ model: 'lab-model', stream: true, messages: [{ role: 'user', content: prompt }] }),
    })
    const reading = readStream(answer)
    for (let i = 0; i < 3; i++) {
      await new Promise((resolve) => setTimeout(resolve, 300))
      link.cut(how)
    }
    const { ids, text, isDone } = await reading
    assert.equal(text, expectedAnswer(prompt))
    assert.deepEqual(
      ids,
      ids.map((_, i) => i),
      'the numbers are those of the gateway that was asked',
    )
    assert.ok(isDone)
    assert.equal(sim.calls.entries.filter(({ route }) => route === 'chat').length, 1, 'calls of the model')
  })
}
