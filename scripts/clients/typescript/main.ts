// `npm run test:ts`: the TypeScript client as others get it, packed and installed in an empty folder: its types, what
// docs/clients.md shows, the oldest Node that it runs in, and a browser. *.check.ts beside this file goes to vitest, whose
// arguments these are. They fail where a package, or Chromium, is not to be had.
import { parseCLI, startVitest } from 'vitest/node'

const { filter, options } = parseCLI(['vitest', 'run', ...process.argv.slice(2)])
await startVitest('test', filter, {
  watch: false,
  config: false,
  include: ['scripts/clients/typescript/*.check.ts'],
  testTimeout: 120_000,
  hookTimeout: 120_000,
  ...options,
})
