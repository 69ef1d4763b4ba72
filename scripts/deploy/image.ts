// The image of this working copy, built as scripts/image/build.sh builds it, on a stand-in for the base where no registry is
// to be had. Needs root, buildah and debootstrap.

import { join } from 'node:path'
import { runProgram } from '../real/cache.ts'
import { fromDebian } from './tools.ts'

const root = join(import.meta.dirname, '..', '..')
export const base = 'docker.io/library/node:26-slim'

/** Answers the name of the image. Nothing is taken from a builder's cache, and nothing is left in one. */
export async function buildImage(name: string): Promise<string> {
  await fromDebian({ buildah: 'buildah', debootstrap: 'debootstrap' })
  const env = { ...process.env, STAND_IN: '1', SOURCE: 'https://git.example.com/foreman' }
  await runProgram(join(root, 'scripts/image/build.sh'), [name, '--no-cache'], env)
  return `localhost/${name}`
}

/** A stand-in for the image of a program where no registry is to be had: the base and the program, which it runs. */
export async function wrapProgram(name: string, program: string): Promise<string> {
  const buildah = async (...args: string[]) => (await runProgram('buildah', args)).trim()
  const container = await buildah('from', '--pull-never', base)
  await buildah('copy', '--chmod', '755', container, program, '/usr/local/bin/program')
  await buildah('config', '--entrypoint', '["/usr/local/bin/program"]', '--cmd', '', container)
  await buildah('commit', '--rm', '--quiet', container, name)
  return `localhost/${name}`
}
