/** The configuration in force, defaults included. */
import { html } from 'htm/preact'
import { useEffect, useState } from 'preact/hooks'
import type { ConfigShown } from '../../src/cli/console-desk.ts'
import { ask } from './ask.ts'

export function ConfigPage() {
  const [shown, setShown] = useState<ConfigShown | null>(null)
  const [why, setWhy] = useState('')
  useEffect(() => {
    ask<ConfigShown>('/console/config').then(setShown, (error: unknown) => setWhy(String(error)))
  }, [])
  return html`
    <h1>Configuration in force</h1>
    <p class="soft">
      With all defaults. Secrets are hidden; what names a variable or a file is shown as it was written.
    </p>
    ${why && html`<p class="notice bad" role="alert">${why}</p>`}
    ${shown && html`<div class="sections">${sections(shown.yaml).map((each) => html`<${Section} key=${each.name} ...${each} />`)}</div>`}
  `
}

function Section({ name, text }: { name: string; text: string }) {
  return html`<details class="card" open>
    <summary>${name}</summary>
    <pre class="scroll" tabindex="0" role="region" aria-label=${name}>${text}</pre>
  </details>`
}

/** One for each key at the top; short values together. */
function sections(yaml: string): { name: string; text: string }[] {
  const blocks = yaml.trimEnd().split(/\n(?=\S)/)
  const short = blocks.filter((block) => !block.includes('\n'))
  const long = blocks.filter((block) => block.includes('\n'))
  return [
    { name: 'general', text: short.join('\n') },
    ...long.map((block) => ({
      name: block.slice(0, block.indexOf(':')),
      text: withoutIndent(block.slice(block.indexOf('\n') + 1)),
    })),
  ]
}

function withoutIndent(text: string): string {
  return text.replace(/^ {2}/gm, '')
}
