// artifacts: what a job has made, listed or written into a folder.

import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ReadableStream } from 'node:stream/web'
import type { Outputs } from '../api.ts'
import { exit, FailedError } from './failure.ts'
import { printable } from './printable.ts'
import { size } from './quantity.ts'
import type { Session } from './session.ts'
import { table } from './table.ts'

type Artifact = Outputs['jobs']['artifacts']['data'][number]

/** Without a folder they are listed. */
export async function artifacts(session: Session, id: string, folder: string | undefined): Promise<number> {
  const { caller, output, signal } = session
  const { data } = await caller.foreman.jobs.artifacts({ id }, { signal })
  if (data.length === 0) output.note('nothing is there: the job has not ended, or made nothing')
  if (folder === undefined) {
    if (output.json) for (const artifact of data) output.result(artifact, () => [])
    else output.result(undefined, (colors) => table(columns, data, colors))
    return exit.ok
  }
  await mkdir(folder, { recursive: true }).catch((error: Error) => {
    throw new FailedError(`${folder} cannot be made a folder: ${error.message}`)
  })
  for (const artifact of data) {
    const path = join(folder, fileName(artifact.name))
    await write(session, id, artifact, path)
    output.result({ ...artifact, path }, () => [path])
  }
  return exit.ok
}

const columns = [
  { title: 'NAME', cell: ({ name }: Artifact) => name },
  { title: 'SIZE', cell: ({ size_bytes }: Artifact) => size(size_bytes), right: true },
  { title: 'TYPE', cell: ({ content_type, partial }: Artifact) => `${content_type}${partial ? ', partial' : ''}` },
]

/** A name of foreman's leads nowhere else; whoever answers in its place gets no say about that. */
function fileName(name: string): string {
  if (/[/\\:\p{Cc}]/u.test(name) || /^\.*$/.test(name))
    throw new FailedError(`"${printable(name)}" is no name for a file`)
  return name
}

/** The file has its name when it is whole. */
async function write({ caller, signal }: Session, id: string, { name, sha256 }: Artifact, path: string): Promise<void> {
  const { body } = await caller.foreman.jobs.artifact(id, name, { signal })
  const begun = `${path}.part`
  const hash = createHash('sha256')
  const hashed = new Transform({
    transform(chunk: Buffer, _, done) {
      hash.update(chunk)
      done(undefined, chunk)
    },
  })
  try {
    const bytes = body ? Readable.fromWeb(body as ReadableStream) : Readable.from([])
    await pipeline(bytes, hashed, createWriteStream(begun), { signal })
    if (hash.digest('hex') !== sha256) throw new FailedError(`${name} arrived damaged`)
    await rename(begun, path)
  } catch (error) {
    await rm(begun, { force: true })
    throw error
  }
}
