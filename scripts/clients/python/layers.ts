// The generated layers of the Python client: the API as its document has it, and the blocking face, from the asynchronous one.
// Their generators are pinned with everything else that its checks need.

import { readFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { PythonEnvironment } from '../../python.ts'
import { runProgram } from '../../real/cache.ts'

export const client = join(import.meta.dirname, '..', '..', '..', 'client', 'python')
const source = join(client, 'src', 'foreman_client')
const requirements = join(client, 'requirements.txt')
export const python = new PythonEnvironment(requirements)

const say = (line: string) => process.stdout.write(`${line}\n`)

/** A package with its version, as pip has it. */
export function pinned(name: string): string {
  const line = readFileSync(requirements, 'utf8')
    .split('\n')
    .find((text) => text.startsWith(`${name}==`))
  if (line === undefined) throw new Error(`${requirements} pins no ${name}`)
  return line
}

/** Fills `into` with the API's operations and models. */
export async function generateApi(document: string, into: string): Promise<void> {
  await python.make(say)
  const config = join(import.meta.dirname, 'config.yaml')
  const args = ['generate', '--path', document, '--config', config, '--meta', 'none', '--overwrite']
  await run('openapi-python-client', [...args, '--output-path', into])
}

/** Fills `into` with the blocking face. */
export async function generateBlocking(into: string): Promise<void> {
  await python.make(say)
  await run('python', [join(import.meta.dirname, 'blocking.py'), join(source, '_async'), into])
  const config = join(client, 'pyproject.toml')
  await run('ruff', ['check', '-q', '--fix', '--select', 'I', '--config', config, into])
  await run('ruff', ['format', '-q', '--config', config, into])
}

function run(program: string, args: string[]): Promise<string> {
  // The generator calls ruff by its name.
  const PATH = [dirname(python.program('ruff')), process.env.PATH].join(delimiter)
  return runProgram(python.program(program), args, { ...process.env, PATH, RUFF_NO_CACHE: 'true' })
}
