// What is seen of it: lines, and on a terminal a bar for the model that is being pulled.

import cliProgress from 'cli-progress'
import type { Step } from './foreman.ts'

/** How a pull is shown. */
export interface Shown {
  step(step: Step): void
  end(): void
}

export class Screen {
  readonly #out: NodeJS.WriteStream
  readonly #errors: NodeJS.WritableStream
  #shown: Shown | undefined

  constructor(out: NodeJS.WriteStream, errors: NodeJS.WritableStream) {
    this.#out = out
    this.#errors = errors
  }

  tell(line: string): void {
    this.#out.write(`${printable(line)}\n`)
  }

  failed(name: string, why: string): void {
    this.#errors.write(`${printable(`${name}: ${why}`)}\n`)
  }

  pulling(name: string): Shown {
    this.#shown = this.#out.isTTY ? new Bar(this.#out, name) : new Lines((line) => this.tell(`${name}: ${line}`))
    return this.#shown
  }

  /** Gives the terminal back as it was: a bar has hidden the cursor and lets no line wrap. */
  leave(): void {
    this.#shown?.end()
  }
}

/** `12.3 MB`, `2.0 GB`: powers of 1,000, as Ollama has them. */
export function size(bytes: number): string {
  return bytes >= 999.95e6 ? `${(bytes / 1e9).toFixed(1)} GB` : `${(bytes / 1e6).toFixed(1)} MB`
}

/** On one line, and without what a terminal would obey. */
const printable = (text: string) => text.replaceAll(/\p{Cc}+/gu, ' ')

/** Each step once, and each layer as it begins. */
class Lines implements Shown {
  readonly #tell: (line: string) => void
  readonly #told = new Set<string>()

  constructor(tell: (line: string) => void) {
    this.#tell = tell
  }

  step({ status = '', total }: Step): void {
    const line = total === undefined ? status : `${status}, ${size(total)}`
    if (!this.#told.has(line) && status !== 'success') this.#tell(line)
    this.#told.add(line)
  }

  end(): void {}
}

/** All layers that are known by now as one bar. */
class Bar implements Shown {
  readonly #bar: cliProgress.SingleBar
  readonly #layers = new Map<string, { total: number; completed: number }>()

  constructor(stream: NodeJS.WriteStream, name: string) {
    const format = `${printable(name)}  {bar}  {percentage}%  {done} of {all}  {eta_formatted}`
    this.#bar = new cliProgress.SingleBar(
      { stream, format, hideCursor: true, barsize: 30 },
      cliProgress.Presets.shades_grey,
    )
    this.#bar.start(1, 0, { done: size(0), all: size(0) })
  }

  step({ digest, total, completed = 0 }: Step): void {
    if (digest === undefined || total === undefined) return
    this.#layers.set(digest, { total, completed })
    const sum = (of: 'total' | 'completed') => [...this.#layers.values()].reduce((all, layer) => all + layer[of], 0)
    this.#bar.setTotal(sum('total'))
    this.#bar.update(sum('completed'), { done: size(sum('completed')), all: size(sum('total')) })
  }

  end(): void {
    this.#bar.stop()
  }
}
