import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['server/**/*.test.ts', 'client/**/*.test.ts', 'scripts/**/*.test.ts'],
    // Those are `npm run test:process`.
    exclude: ['**/node_modules/**', '**/*.process.test.ts'],
    pool: 'forks',
    // One core less, as vitest has it, would be half of a machine with two: much of a test is waiting for disks and sockets.
    maxWorkers: '100%',
    testTimeout: 20_000,
    hookTimeout: 20_000,
  },
})
