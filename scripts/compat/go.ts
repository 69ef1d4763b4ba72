// Programs in Go, with the modules that go/go.mod pins. Go keeps what it fetched and compiled, so only the first takes long.

import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runProgram } from '../real/cache.ts'

/** Builds one in a folder of its own. Resolves with its path. Throws when there is no Go, or no way to the modules. */
export async function buildGo(source: string, folder: string): Promise<string> {
  for (const name of ['go.mod', 'go.sum']) copyFileSync(join(import.meta.dirname, 'go', name), join(folder, name))
  writeFileSync(join(folder, 'main.go'), source)
  return buildGoIn(folder, join(folder, 'program'))
}

/** Builds the one whose module is in `source`. Resolves with where it was put, `built`. Throws as `buildGo`. */
export async function buildGoIn(source: string, built: string): Promise<string> {
  await runProgram('go', ['build', '-C', source, '-o', built, '.'], { ...process.env, GOTOOLCHAIN: 'local' })
  return built
}
