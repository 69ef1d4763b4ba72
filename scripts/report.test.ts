import { describe, expect, test } from 'vitest'
import { closingLine, totals } from './report.ts'

const file = (status: string, tests: number) => ({
  status,
  assertionResults: Array.from({ length: tests }, () => ({})),
})
const report = (passed: number, failed: number, success: boolean, files = [file('passed', passed)]) =>
  JSON.stringify({ numPassedTests: passed, numFailedTests: failed, success, testResults: files })

describe('a report', () => {
  test('counts as vitest counted', () => {
    expect(totals(report(7, 0, true))).toEqual({ passed: 7, failed: 0 })
    expect(totals(report(7, 2, false))).toEqual({ passed: 7, failed: 2 })
  })

  test('counts a file that could not be loaded as one failure', () => {
    expect(totals(report(7, 0, false, [file('passed', 7), file('failed', 0)]))).toEqual({ passed: 7, failed: 1 })
    expect(totals(report(7, 2, false, [file('failed', 9), file('failed', 0)]))).toEqual({ passed: 7, failed: 3 })
  })

  test('of no test, or of a run that failed for another reason, is a failure', () => {
    expect(totals(report(0, 0, true))).toEqual({ passed: 0, failed: 1 })
    expect(totals(report(7, 0, false))).toEqual({ passed: 7, failed: 1 })
  })

  test('that is missing or cut off is a failure', () => {
    for (const text of [undefined, '', '{"numPassedTests": 7', '{}', 'null']) {
      expect(totals(text)).toEqual({ passed: 0, failed: 1 })
    }
  })
})

test('the closing line adds up reports and failed steps', () => {
  expect(closingLine(0, [report(7, 0, true), report(3, 0, true)])).toBe('10 passed, 0 failed')
  expect(closingLine(2, [report(7, 1, false)])).toBe('7 passed, 3 failed')
  expect(closingLine(1, [])).toBe('0 passed, 1 failed')
})
