import { expect, test } from 'vitest'
import { LineSplitter } from './ndjson.ts'
import { bodyOf, recording, recordingNames } from './recordings/replay.ts'

/** Every recorded body that is lines, with or without a newline at its end. */
const streams = recordingNames(/^(chat|generate|thinking|tools|crash|server|preload|unload|err)/)
  .map(recording)
  .filter(({ request, response }) => /^\/api\/(chat|generate)$/.test(request.path) && response.chunks.length > 0)
  .map((each) => ({ name: each.case, body: bodyOf(each) }))

function linesOf(...pieces: Buffer[]): string[] {
  const splitter = new LineSplitter()
  const lines = pieces.flatMap((piece) => splitter.write(piece))
  const tail = splitter.end()
  return [...lines, ...(tail ? [tail] : [])].map(String)
}

test('the recordings have streams of many kinds', () => {
  expect(streams.length).toBeGreaterThan(60)
})

test.each(streams)('$name gives the same lines wherever it is cut in two', ({ body }) => {
  const whole = body
    .toString()
    .split('\n')
    .filter((line) => line !== '')
  expect(linesOf(body)).toEqual(whole)
  for (let cut = 0; cut <= body.length; cut++) {
    const lines = linesOf(body.subarray(0, cut), body.subarray(cut))
    if (lines.join('\n') !== whole.join('\n')) expect.fail(`cut at ${cut}`)
  }
  expect(linesOf(...Array.from(body, (_, at) => body.subarray(at, at + 1)))).toEqual(whole)
})

test('what comes after the last newline is the end, and nothing is when nothing came', () => {
  expect(linesOf(Buffer.from('a\nb'))).toEqual(['a', 'b'])
  expect(linesOf(Buffer.from('a\n'))).toEqual(['a'])
  expect(linesOf(Buffer.from('a\n\n'), Buffer.from('b\n'))).toEqual(['a', '', 'b'])
  expect(linesOf()).toEqual([])
})

test('a line of 8 MB in pieces of a segment takes no quadratic time', () => {
  const line = Buffer.alloc(8 * 1024 * 1024, 'x')
  const splitter = new LineSplitter()
  const began = performance.now()
  for (let at = 0; at < line.length; at += 1400) expect(splitter.write(line.subarray(at, at + 1400))).toHaveLength(0)
  const [whole] = splitter.write(Buffer.from('\n'))
  expect(whole?.equals(line)).toBe(true)
  expect(performance.now() - began).toBeLessThan(2_000)
})
