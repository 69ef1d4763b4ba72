// Names and texts of others without what a terminal would act on.

/** One line of it. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ')
}

/** Lines and tabs stay. */
export function printableText(text: string): string {
  return text.replaceAll(/(?![\n\t])\p{Cc}/gu, '')
}
