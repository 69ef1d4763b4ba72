// Programs that the deployment is tried with: from Debian, from Go's modules (pinned, into the cache), and from PyPI
// (pinned in requirements.txt, into the cache). Each throws with the last words of what it ran when there is no way to them.

import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { access, constants } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { PythonEnvironment } from '../python.ts'
import { cacheFolder, runProgram } from '../real/cache.ts'

const say = (line: string) => process.stdout.write(`${line}\n`)

/** Installs the Debian packages of those programs that are not on the PATH, or at their own one: `{ haproxy: 'haproxy' }` is program and package. */
export async function fromDebian(programs: Record<string, string>): Promise<void> {
  const missing: string[] = []
  for (const [program, name] of Object.entries(programs)) if (!(await onPath(program))) missing.push(name)
  if (missing.length === 0) return
  say(`installing from Debian: ${missing.join(' ')}`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  await runProgram('apt-get', ['update', '-q'], env)
  await runProgram('apt-get', ['install', '-q', '--yes', '--no-install-recommends', ...missing], env)
}

/** The path of a Go program, `go install`ed at its version if it is not there: `fromGo('actionlint', 'github.com/…@v1.7.12')`. */
export async function fromGo(program: string, module: string): Promise<string> {
  const folder = join(cacheFolder(), 'go', module.replaceAll(/[^\w.-]+/g, '_'))
  const path = join(folder, program)
  if (existsSync(path)) return path
  say(`building ${module}`)
  await runProgram('go', ['install', module], { ...process.env, GOTOOLCHAIN: 'local', GOBIN: folder })
  return path
}

/** As fromGo, for modules that `go install` refuses because of their replacements: built as a tool of an empty module. */
export async function fromGoTool(program: string, module: string): Promise<string> {
  const folder = join(cacheFolder(), 'go', module.replaceAll(/[^\w.-]+/g, '_'))
  const path = join(folder, program)
  if (existsSync(path)) return path
  say(`building ${module}`)
  const env = { ...process.env, GOTOOLCHAIN: 'local' }
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  await runProgram('go', ['-C', folder, 'mod', 'init', 'tool'], env)
  await runProgram('go', ['-C', folder, 'get', '-tool', module], env)
  await runProgram('go', ['-C', folder, 'build', '-o', `${program}.new`, module.replace(/@.*/, '')], env)
  renameSync(`${path}.new`, path)
  return path
}

/** The path of a program that a package of requirements.txt brings. */
export async function fromPython(program: string): Promise<string> {
  const environment = new PythonEnvironment(join(import.meta.dirname, 'requirements.txt'))
  await environment.make(say)
  return environment.program(program)
}

async function onPath(program: string): Promise<boolean> {
  for (const folder of program.startsWith('/') ? [''] : (process.env.PATH ?? '').split(delimiter)) {
    const runs = await access(join(folder, program), constants.X_OK).then(
      () => true,
      () => false,
    )
    if (runs) return true
  }
  return false
}
