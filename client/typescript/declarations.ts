// Rolls the types of the client up into dist/index.d.ts: the server's procedures with what they take and return, written out.
// What they act on stays behind, and with it Fastify, SQLite and zod: it has a stand-in, dist/server.d.ts.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { rollup } from 'rollup'
import { dts } from 'rollup-plugin-dts'

/** Where the server's insides begin: the context of the procedures, and the schemas. Of both only these types are told. */
const insides = /(?:^|\/)(?:http\/trpc|job\/schema)\.ts$/
const standIn = `export type Context = object
export type Meta = object
export type { Job } from './index.js'
`

process.chdir(import.meta.dirname)
const bundle = await rollup({
  input: 'src/index.ts',
  external: /^[@a-z]/,
  plugins: [
    {
      name: 'stand-in',
      resolveId: (id, from) =>
        from && insides.test(join(from, '..', id)) ? { id: './server.js', external: true } : null,
    },
    dts({ tsconfig: 'tsconfig.json' }),
  ],
})
await bundle.write({ file: 'dist/index.d.ts' })
writeFileSync('dist/server.d.ts', standIn)
