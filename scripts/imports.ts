// What a TypeScript module imports and exports, read from its text. Only as much of the language is understood as keeps
// comments, strings, templates and regular expressions apart from code. What the imports may be is rings.ts's business.

export interface Import {
  readonly line: number
  /** Undefined when the text of a dynamic import is computed. */
  readonly specifier: string | undefined
  /** The names between `import type` and `from`; undefined for an import that exists at run time. */
  readonly types: string | undefined
}

export interface Module {
  readonly imports: readonly Import[]
  /** Lines with a default export. */
  readonly defaultExports: readonly number[]
}

const quoted = String.raw`(?<quote>['"])`
const importing = [
  new RegExp(String.raw`\bimport\s+(?<type>type\s+)?(?<names>[\w$\s{},*]*?)\s*\bfrom\s*${quoted}`, 'g'),
  new RegExp(
    String.raw`\bexport\s+(?<type>type\s+)?(?<names>\*(?:\s*as\s+[\w$]+)?|\{[\w$\s,]*\})\s*from\s*${quoted}`,
    'g',
  ),
  new RegExp(String.raw`\bimport\s*${quoted}`, 'g'),
  new RegExp(String.raw`\bimport\s*\(\s*${quoted}?`, 'g'),
]
const exportingDefault = /\bexport\s+default\b|\bexport\s*\{[^}]*\bas\s+default\b/g

/** Reads one module. Never fails: text that is no TypeScript gives whatever looks like imports in it. */
export function readModule(source: string): Module {
  const code = blank(source)
  const lineOf = (at: number) => source.slice(0, at).split('\n').length
  const imports = importing.flatMap((pattern) =>
    [...code.matchAll(pattern)].map((match): Import => {
      const { quote, type, names } = match.groups ?? {}
      const start = match.index + match[0].length
      return {
        line: lineOf(match.index),
        specifier: quote ? source.slice(start, code.indexOf(quote, start)) : undefined,
        types: type ? names?.replaceAll(/\s+/g, ' ').trim() : undefined,
      }
    }),
  )
  return {
    imports: imports.sort((a, b) => a.line - b.line),
    defaultExports: [...code.matchAll(exportingDefault)].map((match) => lineOf(match.index)),
  }
}

/** What may stand before a `/` that starts a regular expression; after anything else it divides. */
const beforeRegExp = /(?:^|[(,=:[!&|?{};+\-*%~^<>]|\b(?:return|typeof|case|in|of|do|else|void|await|yield))\s*$/

/** The source with comments, and what is inside strings, templates and regular expressions, as blanks; same length. */
function blank(source: string): string {
  let out = ''
  let at = 0
  /** For each template being read, how many braces are open inside its `${}`. */
  const templates: number[] = []

  const skip = (end: number, keep = 0) => {
    const text = source.slice(at + keep, end - keep)
    out +=
      source.slice(at, at + keep) + text.replaceAll(/[^\n]/g, ' ') + source.slice(Math.max(at + keep, end - keep), end)
    at = end
  }
  const endOf = (pattern: RegExp) => {
    pattern.lastIndex = at
    const match = pattern.exec(source)
    return match ? match.index + match[0].length : source.length
  }

  while (at < source.length) {
    const char = source.charAt(at)
    const two = source.slice(at, at + 2)
    if (two === '//') skip(endOf(/(?=\n)/g))
    else if (two === '/*') skip(endOf(/\*\//g))
    else if (char === "'") skip(endOf(/'(?:[^'\\\n]|\\[^])*(?:'|(?=\n))/y), 1)
    else if (char === '"') skip(endOf(/"(?:[^"\\\n]|\\[^])*(?:"|(?=\n))/y), 1)
    else if (char === '/' && beforeRegExp.test(out.slice(-80)))
      skip(endOf(/\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])*(?:\/|(?=\n))/y), 1)
    else if (char === '`' || (char === '}' && templates.at(-1) === 0)) {
      // From the backtick, or from the brace that closes `${`, to the next `${` or the end of the template.
      if (char === '}') templates.pop()
      const end = endOf(/[`}](?:[^`\\$]|\\[^]|\$(?!\{))*(?:`|\$\{|$)/y)
      if (source.slice(at, end).endsWith('${')) templates.push(0)
      skip(end)
    } else {
      const open = templates.length - 1
      if (open >= 0 && (char === '{' || char === '}'))
        templates[open] = (templates[open] ?? 0) + (char === '{' ? 1 : -1)
      out += char
      at += 1
    }
  }
  return out
}
