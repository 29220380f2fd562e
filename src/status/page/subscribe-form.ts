/** The form by which people ask for letters. It stands outside of what is replaced while somebody types. */
import { html, type Html } from './html.ts'
import { type PageScene, rootOf } from './page-scene.ts'

export function subscribeForm(scene: PageScene): Html {
  const { words, view } = scene
  const choices = view.components.map(
    ({ id, name }) =>
      html`<label><input type="checkbox" name="component_ids" value="${id}"> <bdi>${name}</bdi></label>
`,
  )
  return html`<details class="subscribe" id="subscribe"><summary>${words.subscribe}</summary>
<form method="post" action="${formAction(scene)}">
<p><label for="email">${words.email}</label> <input id="email" name="email" type="email" autocomplete="email" maxlength="254" required>
<button>${words.subscribeNow}</button></p>
${choices.length > 1 && html`<fieldset><legend>${words.onlyAbout}</legend>${choices}</fieldset>`}
<p class="soft">${words.subscribeNote}</p></form></details>`
}

/** A copy elsewhere cannot take it: it goes to where the page is, if that is known. */
function formAction(scene: PageScene): string {
  const { url } = scene.view.page
  return originOf(url) === null ? `${rootOf(scene)}subscribe` : `${url.replace(/\/+$/, '')}/subscribe`
}

/** Null for what is no address of a page. */
export function originOf(url: string): string | null {
  return /^https?:\/\//i.test(url) && URL.canParse(url) ? new URL(url).origin : null
}
