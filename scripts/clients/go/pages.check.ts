// What docs/clients.md shows in Go, and docs/go-llm.md, run as it stands there against a foreman in front of the simulated Ollama. Only
// addresses are put in, and the checkout's own place for the one that is shown.

import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { root, setStage, shownAt, snippetsIn, textOf, type Stage } from '../../page.harness.ts'
import { ports } from '../../receiver.harness.ts'
import { believesSignedOnly } from '../../receiver.suite.ts'
import { modulePath } from './module.ts'

const run = promisify(execFile)
const page = textOf('docs', 'clients.md')
const goLlm = textOf('docs', 'go-llm.md')
const path = modulePath(textOf('client', 'go', 'go.mod'))
const secret = `whsec_${Buffer.from('a secret that is long enough for it').toString('base64')}`
const token = 'token-of-the-pages'
const env = { ...process.env, GOTOOLCHAIN: 'local', FOREMAN_TOKEN: token }
const headers = { authorization: `Bearer ${token}` }

let stage: Stage
let project: string

beforeAll(async () => {
  stage = await setStage({ models: ['llama3.2'], tokens: 5 }, { FOREMAN_TOKEN: token })
  project = join(stage.folder, 'project')
  mkdirSync(project)
  await run('go', ['mod', 'init', 'project'], { cwd: project, env })
  const install = snippetsIn(page, 'sh').find((text) => text.includes('-replace')) ?? ''
  expect(install).toContain(`go get ${path}`)
  await run('sh', ['-ec', install.replace('../foreman', root)], { cwd: project, env })
}, 120_000)

afterAll(() => stage?.close())

const here = (text: string) => text.replaceAll(shownAt, stage.url)

/** The Go program of the page that has these words in it. */
function program(words: string): string {
  const found = snippetsIn(page, 'go').filter((text) => text.includes(words))
  expect(found, words).toHaveLength(1)
  return found[0] as string
}

/** Builds a program in the project. Resolves with its path. */
async function build(code: string): Promise<string> {
  const folder = mkdtempSync(join(project, 'shown-'))
  writeFileSync(join(folder, 'main.go'), code)
  await run('go', ['vet', folder], { cwd: project, env })
  await run('go', ['build', '-o', join(folder, 'shown'), folder], { cwd: project, env })
  return join(folder, 'shown')
}

const printed = async (code: string) => (await run(await build(here(code)), { env })).stdout

test('the first call in Go has at most ten lines and prints an answer', async () => {
  const code = program('fmt.Println(answer.Message.Content)')
  const [, body = ''] = /^func main\(\) \{\n([\s\S]*)^\}/m.exec(code) ?? []
  expect(body.trim().split('\n').length).toBeLessThanOrEqual(10)
  expect((await printed(code)).trim().split(' ').length).toBeGreaterThan(1)
})

test('the Go that tells errors apart finds the model missing', async () => {
  expect(await printed(program('foreman.ErrModelMissing'))).toBe('pull it first\n')
})

test('the Go that streams prints the answer that a call returns', async () => {
  const whole = await printed(program('fmt.Println(answer.Message.Content)'))
  expect(await printed(program('client.ChatStream'))).toBe(whole.trimEnd())
})

test('the Go that hands over finds the job by its label, follows and prints the artifact', async () => {
  const lines = (await printed(program('client.Submit'))).trimEnd().split('\n')
  expect(lines[0]).toMatch(/^job_\S+ (queued|loading|working|done)$/)
  expect(lines.slice(1, -1)).toEqual(expect.arrayContaining(['queued', 'working', 'done']))
  expect(lines.at(-1)).not.toBe('done')
})

test('the receiver in Go believes what is signed and refuses what is not', async () => {
  const code = program('webhook.Verify')
  const command = async (port: number) => [await build(code.replace(`${ports.webhooks}`, `${port}`))]
  const data = { id: 'job_1', state: 'done', sequence: 4 }
  await believesSignedOnly({ command, folder: project, secret }, data)
})

test('every Go program of the page is one of these', () => {
  expect(snippetsIn(page, 'go')).toHaveLength(5)
})

test('the constructor for go-llm compiles over what is assumed, and completes by a job', async () => {
  const [constructor = '', assumed = ''] = snippetsIn(goLlm, 'go')
  const folder = join(project, 'llm')
  mkdirSync(folder)
  writeFileSync(join(folder, 'foreman.go'), constructor)
  writeFileSync(join(folder, 'llm.go'), assumed)
  const jobs = async () =>
    ((await (await fetch(`${stage.url}/jobs?limit=200`, { headers })).json()) as { data: unknown[] }).data.length
  const before = await jobs()
  const said = await printed(`package main

import (
	"context"
	"fmt"

	"project/llm"
)

func main() {
	var provider llm.Provider = llm.Foreman("${shownAt}", "${token}")
	question := []llm.Message{{Role: "user", Content: "Why is the sky blue?"}}
	answer, err := provider.Complete(context.Background(), llm.Request{Model: "llama3.2", Messages: question})
	fmt.Print(answer.Text != "", answer.InputTokens > 0, answer.OutputTokens, err)
}
`)
  expect(said).toBe('true true 5 <nil>')
  expect(await jobs()).toBe(before + 1)
})

test('what an Ollama provider asks for passes', async () => {
  const [calls = ''] = snippetsIn(goLlm, 'sh')
  const { stdout } = await run('sh', ['-ec', here(calls).replaceAll(/^curl/gm, "curl -sS --fail --noproxy '*'")], {
    env,
  })
  expect(stdout).toContain('"models":[{"name":"llama3.2')
  expect(stdout.trimEnd().split('\n').at(-1)).toContain('"done":true')
})

test('the page names the module by its own path', () => {
  expect(page).toContain(`\`${path}\``)
})
