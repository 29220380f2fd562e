/** `npm run check`: types, lint, format, dead code and the house rules, at once; only what fails is printed. */
import { runStep, type StepResult } from './step.ts'

const folders = ['src', 'lab', 'test', 'bench', 'scripts', 'examples', 'web/console']

export async function check(say: (text: string) => void): Promise<boolean> {
  const results = await Promise.all([
    runStep('types', 'tsc', ['-p', '.']),
    runStep('console types', 'tsc', ['-p', 'web/console', '--noEmit']),
    runStep('lint', 'oxlint', ['--type-aware', '--deny-warnings', ...folders]),
    runStep('format', 'biome', ['format', '--max-diagnostics=20', ...folders, 'bin']),
    runStep('dead code', 'knip', ['--no-progress']),
    runStep('house rules', process.execPath, ['--test', '--test-reporter=spec', 'test/tidy.test.ts']),
  ])
  for (const result of results) say(row(result))
  for (const { name, isGood, output } of results) if (!isGood) say(`\n── ${name} ──\n${output}\n`)
  return results.every(({ isGood }) => isGood)
}

function row({ name, isGood, seconds }: StepResult): string {
  return `${isGood ? 'ok  ' : 'FAIL'}  ${name.padEnd(14)} ${seconds.toFixed(1).padStart(5)} s\n`
}

if (import.meta.main) process.exitCode = (await check((text) => void process.stdout.write(text))) ? 0 : 1
