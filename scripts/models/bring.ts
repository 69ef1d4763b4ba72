// Bringing models: what is missing is pulled, what is pinned is given its num_ctx, and each is looked at when that is done.
// One that fails does not keep the others from coming.

import { Away, Refused, type Foreman } from './foreman.ts'
import { fullName, type Wanted } from './list.ts'
import type { Patience } from './patience.ts'
import { size, type Screen } from './screen.ts'

export interface BringOptions {
  foreman: Foreman
  patience: Patience
  screen: Screen
}

/** Answers how many could not be brought. Throws when not even what is there can be learnt. */
export async function bring(wanted: readonly Wanted[], options: BringOptions): Promise<number> {
  const { foreman, patience, screen } = options
  const before = await patience.during(() => sizes(foreman))
  let failed = 0
  for (const one of wanted) {
    try {
      await bringOne(one, before.has(fullName(one.name)), options)
    } catch (error) {
      if (!(error instanceof Away || error instanceof Refused)) throw error
      failed++
      screen.failed(one.name, error.message)
    }
  }
  const after = await patience.during(() => sizes(foreman))
  const there = wanted.map(({ name }) => after.get(fullName(name))).filter((bytes) => bytes !== undefined)
  const total = there.reduce((sum, bytes) => sum + bytes, 0)
  screen.tell(`${there.length} of ${wanted.length} models are there, ${size(total)} in all`)
  return failed
}

async function bringOne({ name, numCtx }: Wanted, there: boolean, options: BringOptions): Promise<void> {
  const { foreman, patience, screen } = options
  const done: string[] = [there ? 'was there' : 'pulled']
  const layers = new Map<string, number>()
  if (!there) await patience.during(() => pull(name, layers, options))
  if (numCtx !== undefined && (await patience.during(() => foreman.numCtx(name))) !== numCtx) {
    await patience.during(() => foreman.setNumCtx(name, numCtx))
    done.push(`num_ctx set to ${numCtx}`)
  }
  const has = await patience.during(() => foreman.numCtx(name))
  if (numCtx !== undefined && has !== numCtx) throw new Refused(`its num_ctx is ${has ?? 'not set'}, not ${numCtx}`)
  const bytes = (await patience.during(() => sizes(foreman))).get(fullName(name))
  if (bytes === undefined) throw new Refused('it is not listed')
  screen.tell(`${name}: ${done.join(', ')}; ${size(bytes)}`)
}

/** `layers` is how much of each has come, over every try. */
async function pull(name: string, layers: Map<string, number>, options: BringOptions): Promise<void> {
  const { foreman, patience, screen } = options
  const shown = screen.pulling(name)
  try {
    for await (const step of foreman.pull(name)) {
      const { digest = '', total = 0, completed = 0 } = step
      // A server that answers and gets nowhere is waited for no longer than one that does not answer: Ollama repeats itself
      // for as long as nothing comes. What has come whole it looks through without a word.
      if (completed > (layers.get(digest) ?? 0)) {
        layers.set(digest, completed)
        patience.renew()
      } else if (completed < total && patience.over) throw new Away('nothing more of it comes')
      shown.step(step)
    }
  } finally {
    shown.end()
  }
}

async function sizes(foreman: Foreman): Promise<Map<string, number>> {
  return new Map([...(await foreman.models())].map(([name, bytes]) => [fullName(name), bytes]))
}
