// pull: models brought to the target through the passthrough, with a bar for each layer on a terminal and a line for
// each step elsewhere.

import cliProgress from 'cli-progress'
import { linesOf } from '../lines.ts'
import { exit, FailedError } from './failure.ts'
import { printable } from './printable.ts'
import { size } from './quantity.ts'
import type { Session } from './session.ts'

/** A line of Ollama's answer. `total` and `completed` are bytes of the layer `digest`. */
interface Progress {
  status?: string
  digest?: string
  total?: number
  completed?: number
  error?: string
}

/** One model after the other; the first that fails ends it. */
export async function pull(session: Session, models: readonly string[]): Promise<number> {
  for (const model of models) await pullOne(session, model)
  return exit.ok
}

async function pullOne({ caller, output, signal }: Session, model: string): Promise<void> {
  const body = JSON.stringify({ model, stream: true })
  const answer = await caller.ask('/api/pull', { method: 'POST', body, signal })
  const shown = output.terminal ? new Bars(output.stdout) : new Steps((line) => output.result(undefined, () => [line]))
  let over = false
  try {
    for await (const line of linesOf(answer.body)) {
      const step = JSON.parse(line) as Progress
      if (step.error !== undefined) throw failed(model, step.error)
      if (output.json) output.result({ model, ...step }, () => [])
      else shown.step(step)
      over = step.status === 'success'
    }
  } catch (error) {
    signal.throwIfAborted()
    throw error instanceof FailedError ? error : failed(model, brokeOff)
  } finally {
    shown.end()
  }
  if (!over) throw failed(model, brokeOff)
  if (!output.json) output.result(undefined, ({ green }) => [`${green('pulled')} ${printable(model)}`])
}

const brokeOff = 'the pull broke off; pulling again goes on from there'

function failed(model: string, why: string): FailedError {
  return new FailedError(`${model}: ${printable(why)}`)
}

/** Lines for a pipe: each status once, and each layer when it is there. */
class Steps {
  readonly #tell: (line: string) => void
  #last = ''

  constructor(tell: (line: string) => void) {
    this.#tell = tell
  }

  step({ status = '', digest, total, completed }: Progress): void {
    const layer = digest !== undefined && total !== undefined
    if (layer && completed !== total) return
    const line = printable(layer ? `${status} ${size(total)}` : status)
    if (line !== this.#last && status !== 'success') this.#tell(line)
    this.#last = line
  }

  end(): void {}
}

class Bars {
  readonly #bars: cliProgress.MultiBar
  readonly #layers = new Map<string, cliProgress.SingleBar>()

  constructor(stream: NodeJS.WriteStream) {
    const format = '{layer}  {bar}  {percentage}%  {done} of {all}  {eta_formatted}'
    const { shades_grey } = cliProgress.Presets
    this.#bars = new cliProgress.MultiBar(
      { stream, format, hideCursor: true, barsize: 30, emptyOnZero: true },
      shades_grey,
    )
  }

  step({ digest, total, completed = 0 }: Progress): void {
    if (digest === undefined || total === undefined) return
    const layer = printable(digest.replace(/^sha256:/, '')).slice(0, 12)
    const told = { layer, done: size(completed), all: size(total) }
    const bar = this.#layers.get(digest) ?? this.#bars.create(total, 0, told)
    this.#layers.set(digest, bar)
    bar.setTotal(total)
    bar.update(completed, told)
  }

  end(): void {
    this.#bars.stop()
  }
}
