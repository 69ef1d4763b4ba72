// For tests of what a page shows: its snippets, and the foreman in front of the simulated Ollama that they are run against.

import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startFake, type Fake, type FakeOptions } from '../server/ollama/fake/fake.ts'
import { Daemon, freePort } from './demo/daemon.ts'

export const root = join(import.meta.dirname, '..')
/** Where a page says that foreman is. */
export const shownAt = 'http://127.0.0.1:11435'
export const hasCurl = spawnSync('curl', ['--version']).status === 0

export function textOf(...path: string[]): string {
  return readFileSync(join(root, ...path), 'utf8')
}

/** The code that a page shows in a language, block by block. */
export function snippetsIn(page: string, language: string): string[] {
  const blocks = page.matchAll(new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\``, 'gm'))
  return [...blocks].map(([, text]) => text as string)
}

export interface Stage {
  /** A folder for whatever the snippets leave. */
  folder: string
  url: string
  fake: Fake
  daemon: Daemon
  close(): Promise<void>
}

/** `settings` by their whole names. */
export async function setStage(options: FakeOptions, settings?: Record<string, string>): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), 'foreman-page-'))
  const data = join(folder, 'data')
  mkdirSync(data)
  const fake = await startFake(options)
  const daemon = new Daemon({ target: fake.url, port: await freePort(), folder: data, settings })
  await daemon.start()
  const close = async () => {
    await daemon.stop()
    await fake.close()
    rmSync(folder, { recursive: true, force: true })
  }
  return { folder, url: daemon.url, fake, daemon, close }
}
