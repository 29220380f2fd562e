/** Causes in the model servers themselves: down, crashed, hung, leaking, failing, talking nonsense. */
import { type Cause, clue, weight } from './cause.ts'
import {
  crashTraits,
  exitWords,
  failedAlike,
  grewWords,
  hangTraits,
  isBroken,
  isPaid,
  killedBy,
  memoryWords,
} from './traits.ts'
import type { Scene } from './scene.ts'
import { memoryPattern, redirectPattern } from './wordings.ts'
import { culprits, has, inRow, ofAll, ofAny, said } from './words.ts'

const { proof, strong, fair, hint, none, doubt, against } = weight
const application = { class: 'application', whose: 'upstream' } as const

export const applicationCauses = {
  'server-down': {
    ...application,
    title: 'The model server is not running',
    sentence: (scene) =>
      `Nothing listens where ${culprits(scene)} should be: it was not started, or is down for longer`,
    cure: 'Start the model server, and check host and port in the upstream’s URL. A firewall that rejects looks the same.',
    explains: { HF_UPSTREAM_REFUSED: strong, HF_NO_UPSTREAM: hint },
    clues: [
      clue(fair, (scene) => said(scene, /ECONNREFUSED/)),
      clue(
        fair,
        (scene) =>
          ofAll(scene, 1, ({ wasWell }) => !wasWell) && `${culprits(scene)} had not answered once in the time before`,
      ),
      clue(against, crashTraits.wasAtWork),
      clue(against, crashTraits.exited),
    ],
  },
  'server-crash': {
    ...application,
    title: 'The model server died',
    sentence: (scene) => {
      const how = ofAny(scene, exitWords)
      return `${culprits(scene)} died${has(scene, 'HF_UPSTREAM_CUT', 'HF_UPSTREAM_RESET') ? ' with this call in hand' : ' shortly before'}${how ? ` (${how})` : ''}`
    },
    cure: 'Look for a crash or a kill in the model server’s log and in the system’s (`dmesg`, `journalctl`) at this time.',
    explains: { HF_UPSTREAM_CUT: fair, HF_UPSTREAM_RESET: fair, HF_UPSTREAM_REFUSED: hint, HF_NO_UPSTREAM: none },
    clues: [
      clue(strong, crashTraits.goneAfterwards),
      clue(strong, crashTraits.wasAtWork),
      clue(proof, crashTraits.exited),
      clue(fair, crashTraits.tookOthersAlong),
      clue(against, (scene) => ofAny(scene, memoryWords) ?? grewAndKilled(scene)),
      clue(against, crashTraits.oneAfterTheOther),
      clue(against, (scene) =>
        ofAny(
          scene,
          (server) =>
            server.exits.length === 0 && server.servedMeanwhile > 0 && `${server.name} answered others all the while`,
        ),
      ),
      clue(doubt, (scene) => said(scene, /without a finish reason|before any content/)),
    ],
  },
  'out-of-memory': {
    ...application,
    title: 'The model server ran out of memory',
    sentence: (scene) => `${culprits(scene)} died for want of memory: it leaks, or is given more than it can hold`,
    cure: 'Give it more memory or less to do at once; a slope that never falls between calls is a leak to be reported.',
    explains: {
      HF_UPSTREAM_CUT: hint,
      HF_UPSTREAM_RESET: hint,
      HF_UPSTREAM_REFUSED: none,
      HF_UPSTREAM_ERROR: none,
      HF_NO_UPSTREAM: none,
    },
    clues: [
      clue(proof, (scene) => ofAny(scene, memoryWords)),
      clue(proof, (scene) => said(scene, memoryPattern)),
      clue(proof, grewAndKilled),
      clue(strong, crashTraits.goneAfterwards),
      clue(strong, crashTraits.exited),
      clue(
        against,
        (scene) =>
          !ofAny(scene, memoryWords) &&
          !ofAny(scene, grewWords) &&
          !said(scene, /memory|OOM|alloc|heap/i) &&
          'nothing tells of its memory',
      ),
    ],
  },
  poison: {
    ...application,
    title: 'This very request kills model servers',
    sentence: (scene) =>
      `Each model server that got this request died of it: ${inRow(scene.servers.map(({ name }) => name)) || 'it is in quarantine'}`,
    cure: 'Do not send it again. Report it to the makers of the model server with the Ray ID.',
    explains: { HF_POISON: proof, HF_UPSTREAM_CUT: hint, HF_UPSTREAM_RESET: hint, HF_UPSTREAM_REFUSED: doubt },
    clues: [
      clue(proof, crashTraits.oneAfterTheOther),
      clue(
        against,
        (scene) =>
          !has(scene, 'HF_POISON') && scene.servers.filter(isBroken).length < 2 && 'only one server was lost with it',
      ),
    ],
  },
  'server-hung': {
    ...application,
    title: 'The model server hangs',
    sentence: (scene) =>
      has(scene, 'HF_QUEUE_TIMEOUT', 'HF_OVERLOADED')
        ? `The call waited behind others: ${hangTraits.behindSilence(scene) ?? 'the model server hangs'}`
        : `${culprits(scene)} took the call and fell silent: on this one and on all others`,
    cure: 'Restart it; a stack dump before (`py-spy dump`, `gdb`) shows where it stands.',
    explains: {
      HF_FIRST_TOKEN_TIMEOUT: hint,
      HF_UPSTREAM_STALLED: fair,
      HF_CONNECT_TIMEOUT: none,
      HF_DEADLINE: none,
      HF_NO_UPSTREAM: none,
      HF_QUEUE_TIMEOUT: none,
      HF_OVERLOADED: none,
    },
    clues: [
      clue(strong, hangTraits.saidSo),
      clue(strong, hangTraits.othersSilent),
      clue(fair, hangTraits.nobodyServed),
      clue(against, hangTraits.othersServed),
      clue(hint, hangTraits.wasAtWork),
      clue(proof, hangTraits.behindSilence),
      clue(fair, hangTraits.handshakeSilent),
      clue(against, hangTraits.gotOn),
      clue(against, hangTraits.unreachable),
      clue(against, hangTraits.servedAfterwards),
      clue(against, (scene) => ofAll(scene, 1, isPaid) && failedAlike(scene) && 'a provider fails in all its places'),
      clue(against, (scene) => said(scene, /status (408|504|522|524)/)),
    ],
  },
  'answer-stalled': {
    ...application,
    title: 'This one answer stopped coming',
    sentence: (scene) => `${culprits(scene)} fell silent in the middle of this answer, though it worked for others`,
    cure: 'Look for this Ray ID (`x-request-id`) in the server’s log; or raise `timeouts.interTokenMs` if it may think that long.',
    explains: { HF_UPSTREAM_STALLED: fair, HF_FIRST_TOKEN_TIMEOUT: none },
    clues: [
      clue(strong, hangTraits.othersServed),
      clue(fair, hangTraits.gotOn),
      clue(against, hangTraits.saidSo),
      clue(doubt, hangTraits.othersSilent),
    ],
  },
  'server-error': {
    ...application,
    title: 'The model server answered with an error of its own',
    sentence: (scene) => `${culprits(scene)} failed inside: an error that it did not handle`,
    cure: 'Look for this Ray ID (`x-request-id`) in the model server’s log.',
    explains: { HF_UPSTREAM_ERROR: strong, HF_UPSTREAM_RESET: doubt, HF_UPSTREAM_CUT: doubt },
    clues: [
      clue(doubt, (scene) => ofAll(scene, 1, isPaid) && 'it is run by a provider'),
      clue(hint, (scene) => said(scene, /status 5\d\d|an error inside the answer/)),
      clue(against, (scene) => said(scene, /an HTML page|status 404/)),
    ],
  },
  'answer-cut-short': {
    ...application,
    title: 'The model server ended the answer early',
    sentence: (scene) => `${culprits(scene)} ended the answer in good order, but before it was whole`,
    cure: 'Look at its log for an abort; a proxy in between may close what it takes for finished.',
    explains: { HF_UPSTREAM_CUT: hint, HF_UPSTREAM_EMPTY: doubt },
    clues: [
      clue(proof, (scene) => said(scene, /without a finish reason|before any content|ended early/)),
      clue(against, (scene) => said(scene, /ECONN|EPIPE|closed by|socket/)),
    ],
  },
  'not-an-answer': {
    ...application,
    title: 'What came is no answer of a model',
    sentence: (scene) =>
      has(scene, 'HF_UPSTREAM_TOO_LARGE')
        ? `What ${culprits(scene)} sent is larger than an answer may be (\`journal.answerBytesMax\`)`
        : `What ${culprits(scene)} sent makes no sense as an answer`,
    cure: 'Check that the URL points at a model API of the right kind, and that nothing between changes what it says.',
    explains: {
      HF_UPSTREAM_GARBLED: strong,
      HF_UPSTREAM_EMPTY: strong,
      HF_UPSTREAM_TOO_LARGE: strong,
      HF_SEAM_MISFIT: fair,
    },
    clues: [
      clue(
        fair,
        (scene) =>
          has(scene, 'HF_UPSTREAM_GARBLED', 'HF_UPSTREAM_EMPTY', 'HF_UPSTREAM_TOO_LARGE') &&
          (said(scene, /./) ?? 'by the rules of its API'),
      ),
      clue(against, (scene) => said(scene, redirectPattern)),
    ],
  },
  'model-missing': {
    ...application,
    whose: 'operator',
    title: 'The model server does not have the model',
    sentence: (scene) => `${culprits(scene)} does not know the model that it should offer`,
    cure: 'Load the model there, or correct the name in the configuration.',
    explains: { HF_UPSTREAM_MODEL_MISSING: proof },
    clues: [clue(hint, (scene) => said(scene, /model/i))],
  },
} as const satisfies Record<string, Cause>

/** How the system ends a process that takes more memory than there is. */
function grewAndKilled(scene: Scene): string | null {
  return ofAny(
    scene,
    (server) => killedBy('SIGKILL')(server) && grewWords(server) && `${grewWords(server)}, then it was killed`,
  )
}
