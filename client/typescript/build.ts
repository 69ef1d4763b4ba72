// Builds dist/: what Node 18 and browsers run, without type checks (`npm run check` does those), and its types, rolled up so
// that nothing of the server is needed to read them. Runs by itself at the end of `npm ci`; where TypeScript is left out,
// as in a production install, it says so and builds nothing.
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

function compiler(): string | undefined {
  try {
    return createRequire(import.meta.url).resolve('typescript/lib/tsc.js')
  } catch {
    return undefined
  }
}

const tsc = compiler()
if (tsc) {
  // What a renamed file left would be packed.
  rmSync(join(import.meta.dirname, 'dist'), { recursive: true, force: true })
  const steps = [[tsc, '-p', 'tsconfig.build.json'], ['declarations.ts']]
  for (const step of steps) {
    const { status } = spawnSync(process.execPath, step, { cwd: import.meta.dirname, stdio: 'inherit' })
    if (status !== 0) process.exitCode = status ?? 1
  }
} else {
  process.stderr.write(
    'the client is not built: TypeScript is not installed; `npm ci`, with devDependencies, builds it\n',
  )
}
