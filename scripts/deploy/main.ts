// `npm run test:deploy`: what lies in deploy/ and the image, tried with the programs that they are made for. Each
// *.deploy.ts beside this file brings the programs it needs (tools.ts) and goes to vitest, whose arguments these are.
// They need root on a Debian, and fail where a program is not to be had: `npm test` does without them.
import { parseCLI, startVitest } from 'vitest/node'

const { filter, options } = parseCLI(['vitest', 'run', ...process.argv.slice(2)])
await startVitest('test', filter, {
  watch: false,
  config: false,
  include: ['scripts/deploy/*.deploy.ts'],
  // One at a time: they install, and share ports and the machine's list of containers.
  fileParallelism: false,
  testTimeout: 300_000,
  hookTimeout: 600_000,
  ...options,
})
