// Those who read along, each job's and all jobs'. They are only told that there may be something new: what that is they
// look up by their own position, so nothing is ever kept for one of them.

/** Called when there may be something new, also when there is not. */
export type Wake = () => void

export class Followers {
  #ofJob = new Map<number, Set<Wake>>()
  #ofAll = new Set<Wake>()
  #over = false

  /** Has `wake` called from now on whenever something happens to the job, or to any job. Returns how to leave. */
  follow(job: number | 'all', wake: Wake): () => void {
    if (job === 'all') {
      this.#ofAll.add(wake)
      return () => this.#ofAll.delete(wake)
    }
    const others = this.#ofJob.get(job) ?? new Set<Wake>()
    this.#ofJob.set(job, others.add(wake))
    return () => {
      others.delete(wake)
      if (others.size === 0 && this.#ofJob.get(job) === others) this.#ofJob.delete(job)
    }
  }

  /** A job has changed. */
  tell(job: number): void {
    this.tellOutput(job)
    for (const wake of this.#ofAll) wake()
  }

  /** The target said more to a job. */
  tellOutput(job: number): void {
    for (const wake of this.#ofJob.get(job) ?? []) wake()
  }

  /** Nothing more will be told: everybody reads what there is and leaves. */
  end(): void {
    this.#over = true
    for (const job of this.#ofJob.keys()) this.tellOutput(job)
    for (const wake of this.#ofAll) wake()
  }

  get over(): boolean {
    return this.#over
  }

  /** How many read along. */
  get size(): number {
    return [...this.#ofJob.values()].reduce((sum, set) => sum + set.size, this.#ofAll.size)
  }
}
