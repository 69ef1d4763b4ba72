// What the documents show of client programs, run as it stands there. Only the address is put in, a key of its own, and no time
// to wait: the first answer is a job that is still queued, so that the loops are gone through.

import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ollamaPython, python } from './python.ts'
import { setStage, type Stage } from './stage.ts'

const root = join(import.meta.dirname, '..', '..')
const snippets = ['defer', 'responses'].flatMap((page) => {
  const text = readFileSync(join(root, 'docs', `${page}.md`), 'utf8')
  const blocks = [...text.matchAll(/^```(js|ts|py)\n([\s\S]*?)^```/gm)]
  return blocks.map(([, language = '', code = ''], i) => ({
    name: `${page}.md, ${language}, ${i + 1}`,
    language,
    code,
  }))
})

let stage: Stage
beforeAll(async () => {
  stage = await setStage(ollamaPython)
})
afterAll(() => stage?.stop())

test('there are some of each page', () => {
  expect(snippets.map(({ name }) => name.split(',')[0])).toEqual(expect.arrayContaining(['defer.md', 'responses.md']))
})

test.each(snippets)(
  '$name: asks until the answer is there, of one job, and prints it',
  async ({ name, language, code }) => {
    expect(code).toContain('http://127.0.0.1:11435')
    const here = code
      .replaceAll('http://127.0.0.1:11435', stage.foreman)
      .replaceAll(/sky-\d+/g, name.replaceAll(/\W+/g, '-'))
      .replaceAll(/wait=\d+/g, 'wait=0')
    const { length } = await stage.jobs()
    const run = await stage.paused(async () => {
      const running = started(language, here)
      await Promise.race([running, stage.moreThan(length)])
      return { ended: running }
    })
    expect((await run.ended).stdout.trim()).not.toBe('')
    const jobs = await stage.jobs()
    expect([jobs.length, jobs[0]?.state]).toEqual([length + 1, 'done'])
  },
)

function started(language: string, code: string): Promise<{ stdout: string }> {
  const [program, args] =
    language === 'py'
      ? [python.program('python'), ['-c', code]]
      : [process.execPath, [`--input-type=module${language === 'ts' ? '-typescript' : ''}`, '-e', code]]
  return promisify(execFile)(program, args, { cwd: root, env: { ...process.env, NO_PROXY: '127.0.0.1' } })
}
