// The path of the Go module, which a fork changes in one place: the first line of client/go/go.mod. Go wants it in every import
// and readers in every example; there it is put by `npm run clients`, wherever a path that ends in /client/go stands for another.

import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const places = ['client/go/**/*.go', 'docs/clients.md', 'docs/go-llm.md']
/** A host with a dot in its name, and the way to the folder. */
const paths = /(?<![\w./-])[\w-]+(?:\.[\w-]+)+(?:\/[\w.-]+)*\/client\/go(?![\w.-])/g

/** The path that a go.mod declares. Throws where it is none that can be told from others. */
export function modulePath(goMod: string): string {
  const [, path = ''] = /^module (\S+)$/m.exec(goMod) ?? []
  if (path.replace(paths, '') !== '')
    throw new Error(`a module in client/go has a path like host.name/…/client/go, not ${path}`)
  return path
}

/** A text with that path in place of others. */
export function carried(text: string, path: string): string {
  return text.replace(paths, path)
}

/** Puts it everywhere, or only looks. Answers the files that had another. */
export function carry(root: string, check: boolean): string[] {
  const path = modulePath(readFileSync(join(root, 'client/go/go.mod'), 'utf8'))
  return globSync(places, { cwd: root }).filter((file) => {
    const text = readFileSync(join(root, file), 'utf8')
    const right = carried(text, path)
    if (right !== text && !check) writeFileSync(join(root, file), right)
    return right !== text
  })
}
