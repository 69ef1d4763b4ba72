// Client programs for Node that foreman itself has no use for: in a folder of the cache of their own, with what js/ pins. Each is
// called by a script in js/.

import { createHash } from 'node:crypto'
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cacheFolder, runProgram } from '../real/cache.ts'
import { startLines } from './lines.ts'
import type { Caller, Program } from './program.ts'

const scripts = join(import.meta.dirname, 'js')
const digest = createHash('sha256')
  .update(readFileSync(join(scripts, 'package-lock.json')))
  .digest('hex')
const folder = join(cacheFolder(), `node-${digest.slice(0, 12)}`)
/** Is there when all of it is. */
const made = join(folder, 'made')

/** Installs them if they are not there. Throws when there is no npm, or no way to the registry that it is set up for. */
export async function installNode(say: (line: string) => void): Promise<void> {
  if (existsSync(made)) return
  say(`installing what ${scripts} lists into ${folder}`)
  rmSync(folder, { recursive: true, force: true })
  cpSync(scripts, folder, { recursive: true })
  await runProgram('npm', ['ci', '--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund'])
  writeFileSync(made, '')
}

async function startNode(script: string): Promise<Caller> {
  if (!existsSync(made)) throw new Error('its packages for Node could not be installed')
  // They find their packages from where they lie.
  cpSync(scripts, folder, { recursive: true })
  return startLines(process.execPath, [join(folder, script)])
}

/** Whatever the language. */
export const anthropicWithout: Program['without'] = {
  structured: "Ollama's /v1/messages has none",
  embed: 'Anthropic has none',
}

export const anthropicJs: Program = {
  name: 'Anthropic SDK (node)',
  token: '`authToken`',
  without: anthropicWithout,
  start: () => startNode('anthropic.js'),
}

export const langchainJs: Program = {
  name: '@langchain/ollama',
  token: '`headers`',
  without: { list: 'has no call for it' },
  start: () => startNode('langchain.js'),
}

export const vercel: Program = {
  name: 'Vercel AI SDK',
  token: '`headers`',
  without: { list: 'has no call for it' },
  start: () => startNode('vercel.js'),
}
