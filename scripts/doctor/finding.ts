// What an examination finds: one line each.

export interface Finding {
  /** What was looked at, one word or two. */
  readonly what: string
  /** `warn` is what works and may surprise; `fail` is what does not. */
  readonly verdict: 'ok' | 'warn' | 'fail'
  readonly said: string
}

type Saying = (said: string) => Finding

/** The three ways to speak of one thing. */
export function about(what: string): { ok: Saying; warn: Saying; fail: Saying } {
  const saying = (verdict: Finding['verdict']) => (said: string) => ({ what, verdict, said })
  return { ok: saying('ok'), warn: saying('warn'), fail: saying('fail') }
}

/** As a line of the report. */
export function lineOf({ what, verdict, said }: Finding): string {
  return `${verdict.padEnd(4)}  ${what}: ${said.replaceAll(/\p{Cc}+/gu, ' ')}`
}
