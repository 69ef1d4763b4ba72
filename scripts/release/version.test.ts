// What may be released, and what is said of it: a tag held against this very repository, changed where the test says.
import { expect, test } from 'vitest'
import { textOf } from '../page.harness.ts'
import { misfits, notesOf } from './version.ts'

const version = (JSON.parse(textOf('package.json')) as { version: string }).version
const changelog = `# Changelog\n\n## [${version}] - 2026-11-26\n\n### Added\n\n- This.\n\n## [0.0.1] - 2026-01-01\n\n- That.\n`
const read =
  (changes: Record<string, string> = {}) =>
  (path: string) =>
    ({ 'CHANGELOG.md': changelog, ...changes })[path] ?? textOf(path)

test('the version of every manifest here is the same, and may be released once the changelog has its day', () => {
  expect(misfits(`v${version}`, read())).toEqual([])
  const undated = changelog.replace('2026-11-26', 'unreleased')
  expect(misfits(`v${version}`, read({ 'CHANGELOG.md': undated }))).toEqual([
    `CHANGELOG.md has no "## [${version}] - " with a day`,
  ])
})

test('every manifest that has another version is named', () => {
  expect(misfits('v9.9.9', read()).map((line) => line.split(' ')[0])).toEqual([
    'package.json',
    'client/typescript/package.json',
    'openapi/openapi.json',
    'client/python/pyproject.toml',
    'CHANGELOG.md',
  ])
  const python = textOf('client/python/pyproject.toml').replace(`"${version}"`, '"0.0.9"')
  expect(misfits(`v${version}`, read({ 'client/python/pyproject.toml': python }))).toEqual([
    'client/python/pyproject.toml has 0.0.9',
  ])
})

test.each(['1.2.3', 'v1.2', 'client/go/v1.2.3', 'v1.2.3;x'])('%s is no tag of a release', (tag) => {
  expect(misfits(tag, read())).toEqual([`${tag} is no vX.Y.Z`])
})

test('the notes are what stands under the heading of the version, up to the next one', () => {
  expect(notesOf(version, changelog)).toBe('### Added\n\n- This.')
  expect(notesOf('0.0.1', changelog)).toBe('- That.')
  expect(() => notesOf('0.0.2', changelog)).toThrow('CHANGELOG.md says nothing of 0.0.2')
})
