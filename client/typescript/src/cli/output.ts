// Where commands write: results to the standard output, everything about them to the standard error, so that a pipe
// gets results only. On a terminal a block of lines can be redrawn in place.

import { createLogUpdate } from 'log-update'
import pico from 'picocolors'
import type { Failure } from './failure.ts'
import { printableJson, printableText } from './printable.ts'

export type Colors = ReturnType<typeof pico.createColors>

export interface Streams {
  stdout: NodeJS.WriteStream
  stderr: NodeJS.WriteStream
  env: Record<string, string | undefined>
}

/** A block of lines at the end of a terminal. */
export interface Block {
  draw(lines: readonly string[]): void
  /** Takes it away. */
  clear(): void
  /** Leaves it as it was drawn last. */
  keep(): void
}

export class Output {
  readonly stdout: NodeJS.WriteStream
  readonly stderr: NodeJS.WriteStream
  /** Results as JSON, one value a line. */
  json = false
  readonly #env: Streams['env']

  constructor({ stdout, stderr, env }: Streams) {
    this.stdout = stdout
    this.stderr = stderr
    this.#env = env
  }

  /** Of results. */
  get colors(): Colors {
    return this.#colorsOf(this.stdout)
  }

  get terminal(): boolean {
    return this.stdout.isTTY && !this.json
  }

  /** Of the terminal, or of a usual one: some say that they have neither lines nor columns. */
  get size(): { rows: number; columns: number } {
    return { rows: this.stdout.rows || 24, columns: this.stdout.columns || 80 }
  }

  /** A part of a line, as it is. */
  write(text: string): void {
    this.stdout.write(text)
  }

  /** `value` with --json, else the lines. */
  result(value: unknown, lines: (colors: Colors) => readonly string[]): void {
    const text = this.json ? [printableJson(value)] : lines(this.colors)
    if (text.length > 0) this.stdout.write(`${text.join('\n')}\n`)
  }

  /** About the results: for people only. */
  note(text: string): void {
    if (!this.json) this.stderr.write(`${this.#colorsOf(this.stderr).dim(text)}\n`)
  }

  /** About the results, and for scripts too: they are not all there is. */
  warning(text: string): void {
    if (this.json) this.stderr.write(`${printableJson({ warning: text })}\n`)
    else this.note(text)
  }

  /** What a model thinks on the way to its answer: for a person who looks on. */
  aside(text: string): void {
    if (!this.json && this.stderr.isTTY) this.stderr.write(this.#colorsOf(this.stderr).dim(text))
  }

  failure({ code, detail, hint }: Omit<Failure, 'exit'>): void {
    const { red } = this.#colorsOf(this.stderr)
    const lines = this.json
      ? [printableJson({ error: { code, detail, hint } })]
      : [`${red('foreman:')} ${printableText(detail)}`, ...(hint === undefined ? [] : [hint])]
    this.stderr.write(`${lines.join('\n')}\n`)
  }

  /** Only for a terminal. */
  block(stream = this.stdout): Block {
    const { rows, columns } = stream
    const usual = { rows: { value: rows || 24 }, columns: { value: columns || 80 } }
    const update = createLogUpdate(rows && columns ? stream : (Object.create(stream, usual) as NodeJS.WriteStream))
    return { draw: (lines) => update(lines.join('\n')), clear: () => update.clear(), keep: () => update.done() }
  }

  #colorsOf({ isTTY }: NodeJS.WriteStream): Colors {
    const { NO_COLOR, TERM } = this.#env
    // A pipe has it undefined, for which the library would make a guess of its own: colours wherever CI is set.
    return pico.createColors(isTTY === true && !NO_COLOR && TERM !== 'dumb')
  }
}
