// A page in Markdown, taken apart by its headings and its tables.

/** What stands under a heading, to the next of its rank or above. */
export function sectionOf(page: string, heading: string): string {
  const [, rank = '', rest = ''] = new RegExp(`^(#+) ${heading}\\n([\\s\\S]*)`, 'm').exec(page) ?? []
  if (rank === '') throw new Error(`no heading is ${heading}`)
  return rest.split(new RegExp(`^#{1,${rank.length}} `, 'm'), 1)[0]!
}

/** The rows of the tables in it, without their heads, as the texts of their cells. */
export function rowsOf(section: string): string[][] {
  const lines = section.split('\n')
  const isRow = (line: string | undefined) => line?.startsWith('| ') === true
  return lines
    .filter((line, i) => isRow(line) && !lines[i + 1]?.startsWith('|---'))
    .map((line) =>
      line
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim()),
    )
}

/** The names in a cell: what is written as code. */
export function namesIn(cell: string | undefined): string[] {
  return [...(cell ?? '').matchAll(/`([^`]+)`/g)].map(([, name]) => name!)
}

/** What a page's headings are called in links to them. */
export function anchorsOf(page: string): string[] {
  const prose = page.replaceAll(/^```[\s\S]*?^```/gm, '')
  return [...prose.matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, '')
      .replaceAll(' ', '-'),
  )
}
