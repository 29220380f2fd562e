/** What the page of the challenge says, in each language. */

export interface ChallengeWords {
  readonly title: string
  readonly working: string
  readonly done: string
  readonly failed: string
  readonly noCookies: string
  readonly again: string
  readonly noScript: string
  readonly rayName: string
  readonly codeName: string
  readonly timeName: string
  readonly addressName: string
  readonly attack: Why
  readonly always: Why
}

interface Why {
  readonly why: string
  readonly noScriptWhen: string
}

export const challengeWords: Readonly<Record<'en' | 'de', ChallengeWords>> = {
  en: {
    title: 'One moment: your browser is being checked',
    working: 'Your browser is computing. You need not do anything.',
    done: 'Done. The page opens now.',
    failed: 'That did not work.',
    noCookies: 'Your browser takes no cookies from this site. It needs one to remember that it has been checked.',
    again: 'Try again',
    noScript: 'The check needs JavaScript, which is switched off here.',
    rayName: 'Ray ID',
    codeName: 'Code',
    timeName: 'Time',
    addressName: 'Your address',
    attack: {
      why: 'This site is being flooded with requests. So that people still get through, each browser solves a small sum first. It takes some seconds at most, is seldom needed again, and tells us nothing about you.',
      noScriptWhen: 'When the attack is over everybody gets in without it. This page looks again every minute.',
    },
    always: {
      why: 'So that programs cannot flood this site, each browser solves a small sum first. It takes some seconds at most, is seldom needed again, and tells us nothing about you.',
      noScriptWhen: 'Switch it on for this site, and open the page again.',
    },
  },
  de: {
    title: 'Einen Moment: Ihr Browser wird geprüft',
    working: 'Ihr Browser rechnet. Sie brauchen nichts zu tun.',
    done: 'Fertig. Die Seite wird geöffnet.',
    failed: 'Das hat nicht geklappt.',
    noCookies: 'Ihr Browser nimmt von dieser Seite keine Cookies an. Er braucht eines, um sich die Prüfung zu merken.',
    again: 'Noch einmal versuchen',
    noScript: 'Die Prüfung braucht JavaScript, und das ist hier ausgeschaltet.',
    rayName: 'Ray-ID',
    codeName: 'Code',
    timeName: 'Zeit',
    addressName: 'Ihre Adresse',
    attack: {
      why: 'Diese Seite wird gerade mit Anfragen überflutet. Damit Menschen trotzdem durchkommen, löst jeder Browser zuerst eine kleine Rechenaufgabe. Das dauert höchstens einige Sekunden, ist danach selten wieder nötig und verrät uns nichts über Sie.',
      noScriptWhen: 'Ist der Angriff vorbei, kommen alle ohne Prüfung hinein. Diese Seite sieht jede Minute nach.',
    },
    always: {
      why: 'Damit Programme diese Seite nicht überfluten können, löst jeder Browser zuerst eine kleine Rechenaufgabe. Das dauert höchstens einige Sekunden, ist danach selten wieder nötig und verrät uns nichts über Sie.',
      noScriptWhen: 'Schalten Sie es für diese Seite ein und öffnen Sie sie noch einmal.',
    },
  },
}
