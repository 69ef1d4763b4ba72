// What the demonstration shows: on a terminal a board of jobs that is redrawn in place, in a pipe one line for each
// thing that changed.

interface Output {
  isTTY?: boolean
  write(text: string): unknown
}

export interface Shown {
  id: string
  state: string
  model: string
  interruptions: number
}

const marks: Record<string, string> = { queued: '·', loading: '◌', working: '●', done: '✔', failed: '✘', canceled: '–' }
const colors: Record<string, number> = { loading: 33, working: 36, done: 32, failed: 31 }

export class Stage {
  #out: Output
  #color: boolean
  #seen = new Map<string, string>()
  #board: string[] = []
  #talk = ''
  #drawn = 0

  constructor(out: Output) {
    this.#out = out
    this.#color = out.isTTY === true && !process.env.NO_COLOR
  }

  /** A line that stays. */
  say(text: string): void {
    this.#wipe()
    this.#talk = ''
    this.#out.write(`${text}\n`)
    this.#redraw()
  }

  /** A line that is rewritten as it grows. */
  talk(text: string): void {
    this.#talk = text.slice(0, 110)
    this.#redraw()
  }

  draw(jobs: readonly Shown[]): void {
    if (!this.#out.isTTY) return this.#lines(jobs)
    const models = [...new Set(jobs.map((job) => job.model))]
    const width = Math.max(...models.map((model) => model.length))
    this.#board = models.map((model) => {
      const cells = jobs
        .filter((job) => job.model === model)
        .map((job) => this.#paint(job.state, `${marks[job.state] ?? '?'} ${job.state.padEnd(8)}`))
      return `  ${model.padEnd(width)}  ${cells.join(' ')}`
    })
    this.#redraw()
  }

  table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): void {
    const all = [head, ...rows].map((row) => row.map(String))
    const widths = head.map((_, i) => Math.max(...all.map((row) => row[i]?.length ?? 0)))
    this.say('')
    for (const row of all)
      this.say(
        `  ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  ')}`,
      )
    this.say('')
  }

  #lines(jobs: readonly Shown[]): void {
    jobs.forEach(({ id, state, model, interruptions }, i) => {
      const now = `${state}${interruptions > 0 && state === 'queued' ? ' again' : ''}`
      if (this.#seen.get(id) !== now) this.#out.write(`  job ${String(i + 1).padStart(2)}  ${model}  ${now}\n`)
      this.#seen.set(id, now)
    })
  }

  #redraw(): void {
    if (!this.#out.isTTY) return
    this.#wipe()
    const lines = [...this.#board, ...(this.#talk ? [`  ${this.#talk}`] : [])]
    this.#out.write(lines.map((line) => `${line}\n`).join(''))
    this.#drawn = lines.length
  }

  #wipe(): void {
    if (this.#out.isTTY && this.#drawn > 0) this.#out.write(`\u001B[${this.#drawn}A\u001B[J`)
    this.#drawn = 0
  }

  #paint(state: string, text: string): string {
    const color = colors[state]
    return this.#color && color ? `\u001B[${color}m${text}\u001B[0m` : text
  }
}
