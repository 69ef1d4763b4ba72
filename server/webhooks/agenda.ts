// What is to be looked at when: names with a time each, the earliest first. A heap, so that neither many names nor many
// changes of their times make the next one expensive to know.

interface Entry {
  name: string
  time: number
}

export class Agenda {
  #heap: Entry[] = []
  #places = new Map<string, number>()

  /** The earliest time; Infinity when there is none. */
  get next(): number {
    return this.#heap[0]?.time ?? Infinity
  }

  set(name: string, time: number): void {
    this.delete(name)
    this.#put({ name, time }, this.#heap.length)
    this.#rise(this.#heap.length - 1)
  }

  delete(name: string): void {
    const place = this.#places.get(name)
    if (place === undefined) return
    this.#places.delete(name)
    const last = this.#heap.pop() as Entry
    if (last.name === name) return
    this.#put(last, place)
    this.#rise(place)
    this.#sink(this.#places.get(last.name) as number)
  }

  /** The name of the earliest time, taken out, if that is not after `now`. */
  take(now: number): string | undefined {
    const first = this.#heap[0]
    if (!first || first.time > now) return undefined
    this.delete(first.name)
    return first.name
  }

  #put(entry: Entry, place: number): void {
    this.#heap[place] = entry
    this.#places.set(entry.name, place)
  }

  #rise(place: number): void {
    const entry = this.#heap[place] as Entry
    while (place > 0) {
      const above = (place - 1) >> 1
      const parent = this.#heap[above] as Entry
      if (parent.time <= entry.time) break
      this.#put(parent, place)
      place = above
    }
    this.#put(entry, place)
  }

  #sink(place: number): void {
    const entry = this.#heap[place] as Entry
    for (;;) {
      const [left, right] = [this.#heap[2 * place + 1], this.#heap[2 * place + 2]]
      const below = right && left && right.time < left.time ? 2 * place + 2 : 2 * place + 1
      const child = this.#heap[below]
      if (!child || child.time >= entry.time) break
      this.#put(child, place)
      place = below
    }
    this.#put(entry, place)
  }
}
