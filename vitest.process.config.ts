// `npm run test:process`: tests that start foreman or its commands many times over, and kill them.
import { defineConfig } from 'vitest/config'
import whole from './vitest.config.ts'

export default defineConfig({
  test: { ...whole.test, include: ['**/*.process.test.ts'], exclude: ['**/node_modules/**'] },
})
