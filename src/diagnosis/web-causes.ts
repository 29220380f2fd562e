/** Causes behind pages and applications that are served beside the models. */
import { type Cause, clue, weight } from './cause.ts'
import { said } from './words.ts'

const { proof, strong, hint } = weight

export const webCauses = {
  'app-down': {
    class: 'application',
    whose: 'upstream',
    title: 'The application is in trouble',
    sentence: ({ call }) => {
      const what = call?.detail
      return `The application behind this address is down, too slow, or breaks off${what ? `: ${what.slice(0, 200)}` : ''}`
    },
    cure: 'Look at the application and into its log; its address is `app` of the route under `web.routes`.',
    explains: { HF_APP_UNREACHABLE: proof, HF_APP_TIMEOUT: proof, HF_APP_BROKEN: proof },
    clues: [clue(strong, (scene) => said(scene, /ECONNREFUSED/)), clue(hint, (scene) => said(scene, /./))],
  },
} as const satisfies Record<string, Cause>
