// Adds up vitest's JSON reports into the one line that ends a CI run: `N passed, N failed`. Which reports there are and
// which other steps failed is told on the command line: `node scripts/report.ts <failed steps> <report.json>…`.
import { readFileSync } from 'node:fs'
import { z } from 'zod'

const Report = z.object({
  numPassedTests: z.int(),
  numFailedTests: z.int(),
  success: z.boolean(),
  testResults: z.array(z.object({ status: z.string(), assertionResults: z.array(z.unknown()) })),
})

export interface Totals {
  readonly passed: number
  readonly failed: number
}

/** The totals of one report; text that is none (the runner crashed, or wrote half a file) is one failure. */
export function totals(text: string | undefined): Totals {
  const report = Report.safeParse(parse(text)).data
  if (!report) return { passed: 0, failed: 1 }
  // A file that could not even be loaded has no tests to count: it is a failure of its own.
  const unloaded = report.testResults.filter((file) => file.status === 'failed' && file.assertionResults.length === 0)
  const failed = report.numFailedTests + unloaded.length
  const silent = report.numPassedTests === 0 || !report.success
  return { passed: report.numPassedTests, failed: failed === 0 && silent ? 1 : failed }
}

/** The closing line over all reports and the steps that failed beside them. */
export function closingLine(failedSteps: number, reports: readonly (string | undefined)[]): string {
  const all = reports.map(totals)
  const sum = (key: keyof Totals) => all.reduce((total, one) => total + one[key], 0)
  return `${sum('passed')} passed, ${sum('failed') + failedSteps} failed`
}

function parse(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '')
  } catch {
    return undefined
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

if (import.meta.main) {
  const [failedSteps, ...paths] = process.argv.slice(2)
  const line = closingLine(Number(failedSteps), paths.map(read))
  process.stdout.write(`${line}\n`)
  process.exitCode = line.endsWith(' 0 failed') ? 0 : 1
}
