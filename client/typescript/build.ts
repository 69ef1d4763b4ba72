// Builds dist/: what Node 18 and browsers run, without type checks (`npm run check` does those), and the types. Runs by
// itself at the end of `npm ci`; where TypeScript is left out, as in a production install, it says so and builds nothing.
import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'

function compiler(): string | undefined {
  try {
    return createRequire(import.meta.url).resolve('typescript/lib/tsc.js')
  } catch {
    return undefined
  }
}

const tsc = compiler()
if (tsc) {
  const { status } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], {
    cwd: import.meta.dirname,
    stdio: 'inherit',
  })
  process.exitCode = status ?? 1
} else {
  process.stderr.write(
    'the client is not built: TypeScript is not installed; `npm ci`, with devDependencies, builds it\n',
  )
}
