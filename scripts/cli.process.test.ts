// What docs/cli.md shows, run as it stands there: through npx, as it is built, against a foreman in front of the simulated
// Ollama. Only the folder and foreman's address are others.

import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { exit } from '../client/typescript/src/cli/failure.ts'
import { Command, environment, valuesOf } from './command.harness.ts'
import { root, setStage, snippetsIn, textOf, type Stage } from './page.harness.ts'

const run = promisify(execFile)
const page = textOf('docs', 'cli.md')
const [first = '', night = ''] = snippetsIn(page, 'sh')

let stage: Stage

beforeAll(async () => {
  stage = await setStage({ models: ['llama3.2'], tokens: 5 })
  // A build of its own: other tests build the client anew, where it lies.
  const client = join(root, 'client/typescript')
  const built = join(stage.folder, 'client')
  const compiler = join(client, 'node_modules/typescript/lib/tsc.js')
  const build = join(client, 'tsconfig.build.json')
  await run(process.execPath, [compiler, '-p', build, '--outDir', join(built, 'dist')])
  for (const part of ['bin', 'package.json']) cpSync(join(client, part), join(built, part), { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(built, 'node_modules'))
  mkdirSync(join(stage.folder, 'node_modules/.bin'), { recursive: true })
  symlinkSync(join(built, 'bin/foreman.js'), join(stage.folder, 'node_modules/.bin/foreman'))
})

afterAll(() => stage?.close())

async function shell(text: string): Promise<string> {
  // jq, by Node: the one thing it is asked for.
  const jq = `jq() { node -e 'for (const line of require("fs").readFileSync(0, "utf8").trim().split("\\n")) console.log(JSON.parse(line).id)'; }`
  const env = environment({ FOREMAN_URL: stage.url })
  const { stdout } = await run('sh', ['-ec', `${jq}\n${text}`], { cwd: stage.folder, env })
  return stdout
}

test('the first command answers', async () => {
  expect((await shell(first)).trim().split(/\s+/)).toHaveLength(5)
})

test("the night's work ends with its answers in folders", async () => {
  await shell(night)
  const { stdout } = await new Command(['list', '--label', 'night:5', '--json'], { env: { FOREMAN_URL: stage.url } })
    .ended
  const jobs = valuesOf<{ id: string; state: string }>(stdout)
  expect(jobs.map(({ state }) => state)).toEqual(['done', 'done'])
  const answers = join(stage.folder, 'answers')
  expect(readdirSync(answers).toSorted()).toEqual(jobs.map(({ id }) => id).toSorted())
  for (const { id } of jobs) expect(readFileSync(join(answers, id, 'output.txt'), 'utf8')).not.toBe('')
})

test('every command and every exit code has a row, and no other', async () => {
  const { stdout } = await new Command(['--help']).ended
  const commands = [...stdout.matchAll(/^ {2}([a-z]+) .*(?:<|\[|  )/gm)].map(([, name]) => name)
  const rows = [...page.matchAll(/^\| (`[a-z].*?) \|/gm)].flatMap(([, cell]) => cell!.match(/(?<=`)[a-z]+/g) ?? [])
  expect(rows.toSorted()).toEqual([...new Set(commands)].filter((name) => name !== 'help').toSorted())
  const codes = [...page.matchAll(/^\| (\d+) \|/gm)].map(([, code]) => Number(code))
  expect(codes).toEqual(Object.values(exit))
})
