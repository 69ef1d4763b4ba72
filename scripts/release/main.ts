// `npm run release`: the steps of .gitea/workflows/release.yml that are no image, each for itself.
//
//   check TAG            the tag is the version of everything here
//   pack FOLDER          the clients as they are published, into a folder
//   publish FOLDER TAG   those, and the notes of the changelog, to the Gitea that INSTANCE_URL, REPOSITORY, RELEASE_USER
//                        and RELEASE_TOKEN name

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Instance } from './instance.ts'
import { pack } from './pack.ts'
import { misfits, notesOf } from './version.ts'

const read = (path: string) => readFileSync(join(import.meta.dirname, '..', '..', path), 'utf8')
const say = (line: string) => process.stdout.write(`${line}\n`)

function needed(name: string): string {
  const value = process.env[name]
  if (!value) throw new Error(`${name} is not set`)
  return value
}

async function main([step, ...args]: string[]): Promise<void> {
  const [first = '', second = ''] = args
  if (step === 'check' && args.length === 1) {
    const found = misfits(first, read)
    if (found.length > 0) throw new Error(`${first} cannot be released:\n  ${found.join('\n  ')}`)
    say(`${first} is the version of everything here`)
  } else if (step === 'pack' && args.length === 1) {
    await pack(first, say)
  } else if (step === 'publish' && args.length === 2) {
    const instance = new Instance({
      url: needed('INSTANCE_URL'),
      repository: needed('REPOSITORY'),
      user: needed('RELEASE_USER'),
      token: needed('RELEASE_TOKEN'),
    })
    const version = second.replace(/^v/, '')
    const notes = notesOf(version, read('CHANGELOG.md'))
    await instance.publish(first, version)
    await instance.release(second, notes)
    say(`${second} is published`)
  } else throw new Error('usage: npm run release -- check TAG | pack FOLDER | publish FOLDER TAG')
}

try {
  await main(process.argv.slice(2))
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`)
  process.exitCode = 1
}
