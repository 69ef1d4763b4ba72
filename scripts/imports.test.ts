import { describe, expect, test } from 'vitest'
import { readModule } from './imports.ts'

const specifiers = (source: string) => readModule(source).imports.map((one) => one.specifier)

describe('imports', () => {
  test('are found in every form, with their lines', () => {
    const source = [
      `import './a.ts'`,
      `import b from './b.ts'`,
      `import * as c from "./c.ts"`,
      `import {`,
      `  d, // './no.ts'`,
      `  type D,`,
      `} from './d.ts'`,
      `import e, { f } from './e.ts'`,
      `export { g } from './g.ts'`,
      `export * from './h.ts'`,
      `export * as i from './i.ts'`,
      `const j = await import('./j.ts')`,
      `let k: import('./k.ts').K`,
      `export type { L } from './l.ts'`,
    ].join('\n')
    expect(readModule(source).imports.map((one) => [one.line, one.specifier])).toEqual([
      [1, './a.ts'],
      [2, './b.ts'],
      [3, './c.ts'],
      [4, './d.ts'],
      [8, './e.ts'],
      [9, './g.ts'],
      [10, './h.ts'],
      [11, './i.ts'],
      [12, './j.ts'],
      [13, './k.ts'],
      [14, './l.ts'],
    ])
  })

  test('of types only say which', () => {
    const types = (source: string) => readModule(source).imports.map((one) => one.types)
    expect(types(`import type { A } from './a.ts'`)).toEqual(['{ A }'])
    expect(types(`import type {\n  A,\n  B\n} from './a.ts'`)).toEqual(['{ A, B }'])
    expect(types(`import { type A } from './a.ts'`)).toEqual([undefined])
    expect(types(`import './a.ts'`)).toEqual([undefined])
  })

  test('whose text is computed have no specifier', () => {
    expect(specifiers('await import(`./${name}.ts`)')).toEqual([undefined])
    expect(specifiers('await import(name)')).toEqual([undefined])
  })

  test('are not found in comments, strings, templates and regular expressions', () => {
    const source = [
      `// import './a.ts'`,
      `/* import './b.ts'`,
      `import './c.ts' */`,
      `const d = "import './d.ts'"`,
      `const e = 'it\\'s import "./e.ts"'`,
      "const f = `import './f.ts' ${'}'} ${{ a: { b: `import './g.ts'` } }} import './h.ts'`",
      `const g = /import '.\\/[/'"]x'/.test("/")`,
      `const h = 4 / 2, i = "/" // '`,
      `const url = new URL('./worker.ts', import.meta.url)`,
      `import './last.ts'`,
    ].join('\n')
    expect(specifiers(source)).toEqual(['./last.ts'])
  })

  test('inside the code of a template are found', () => {
    expect(specifiers("const a = `x ${await import('./a.ts')} y`\nimport './b.ts'")).toEqual(['./a.ts', './b.ts'])
  })

  test('survive text that ends in the middle of something', () => {
    for (const end of ["'", '"', '`', '`${', '/*', '//', 'import(', "import '"]) {
      expect(specifiers(`import './a.ts'\nconst x = ${end}`)[0]).toBe('./a.ts')
    }
  })
})

describe('default exports', () => {
  test('are found in both forms and nowhere else', () => {
    expect(readModule('const a = 1\nexport default a').defaultExports).toEqual([2])
    expect(readModule('export { a as default }').defaultExports).toEqual([1])
    expect(readModule(`const a = 'export default'\nexport { b }`).defaultExports).toEqual([])
  })
})
