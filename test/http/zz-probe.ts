import OpenAI from 'openai'
import Anthropic from '@anthropic-ai/sdk'
import { openLabStage } from './client-stage.ts'
const st = await openLabStage('openai')
const an = await openLabStage('anthropic')
for (const kind of ['cut','truncate','error-event'] as const) {
  const seen: Record<string, number> = {}
  for (let i = 0; i < 30; i++) {
    st.sim.order({ kind, afterTokens: 5, count: 1 })
    let text = ''
    try {
      for await (const c of await st.openai().chat.completions.create({ model: 'lab-model', stream: true, messages: [{ role: 'user', content: 'hello' }] })) text += c.choices[0]?.delta.content ?? ''
      seen['ended ' + text.split(' ').length] = (seen['ended ' + text.split(' ').length] ?? 0) + 1
    } catch (e: any) { const k = `${e.constructor.name} ${e instanceof OpenAI.APIError} ${String(e.message).slice(0, 60)} pieces=${text.split(' ').length}`; seen[k] = (seen[k] ?? 0) + 1 }
  }
  console.log('openai', kind, seen)
}
for (const kind of ['cut','truncate','error-event'] as const) {
  const seen: Record<string, number> = {}
  for (let i = 0; i < 30; i++) {
    an.sim.order({ kind, afterTokens: 5, count: 1 })
    let text = ''
    try {
      for await (const c of await an.anthropic().messages.create({ model: 'lab-model', stream: true, max_tokens: 200, messages: [{ role: 'user', content: 'hello' }] })) if (c.type === 'content_block_delta') text += (c.delta as any).text ?? ''
      seen['ended ' + text.split(' ').length] = (seen['ended ' + text.split(' ').length] ?? 0) + 1
    } catch (e: any) { const k = `${e.constructor.name} ${e instanceof Anthropic.APIError} ${String(e.message).slice(0, 60)} pieces=${text.split(' ').length}`; seen[k] = (seen[k] ?? 0) + 1 }
  }
  console.log('anthropic', kind, seen)
}
// slow: tokens at human pace, then cut
await st[Symbol.asyncDispose](); await an[Symbol.asyncDispose]()
