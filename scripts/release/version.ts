// Whether a tag may be released: it is the version that every manifest has, and the changelog tells of it, with its day.

/** A file of the repository as text, by its path from the root. */
export type Read = (path: string) => string

/** What of the tag is not so, a line each; none when it may be released. */
export function misfits(tag: string, read: Read): string[] {
  const version = tag.replace(/^v/, '')
  if (!/^v\d+\.\d+\.\d+(-[\w.]+)?$/.test(tag)) return [`${tag} is no vX.Y.Z`]
  const found = [...versions(read)].filter(([, has]) => has !== version).map(([file, has]) => `${file} has ${has}`)
  if (!new RegExp(`^## \\[${RegExp.escape(version)}\\] - \\d{4}-\\d{2}-\\d{2}$`, 'm').test(read('CHANGELOG.md')))
    found.push(`CHANGELOG.md has no "## [${version}] - " with a day`)
  return found
}

/** What the changelog says of a version, without its heading. Throws when it says nothing. */
export function notesOf(version: string, changelog: string): string {
  const [, notes] = changelog.split(new RegExp(`^## \\[${RegExp.escape(version)}\\].*$`, 'm'))
  const text = notes?.split(/^## \[/m)[0]?.trim()
  if (!text) throw new Error(`CHANGELOG.md says nothing of ${version}`)
  return text
}

function* versions(read: Read): Iterable<[string, string | undefined]> {
  for (const file of ['package.json', 'client/typescript/package.json']) {
    yield [file, (JSON.parse(read(file)) as { version?: string }).version]
  }
  yield [
    'openapi/openapi.json',
    (JSON.parse(read('openapi/openapi.json')) as { info: { version: string } }).info.version,
  ]
  const python = 'client/python/pyproject.toml'
  yield [python, /^version = "(.*)"$/m.exec(read(python))?.[1]]
}
