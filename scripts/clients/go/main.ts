// `npm run test:go`: the checks of the Go client and of what is documented of it, each a test of its own: *.check.ts beside this
// file goes to vitest, whose arguments these are. They fail where Go, or a way to its modules, is not to be had.
import { parseCLI, startVitest } from 'vitest/node'

const { filter, options } = parseCLI(['vitest', 'run', ...process.argv.slice(2)])
await startVitest('test', filter, {
  watch: false,
  config: false,
  include: ['scripts/clients/go/*.check.ts'],
  testTimeout: 120_000,
  hookTimeout: 120_000,
  ...options,
})
