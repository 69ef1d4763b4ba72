// Names and texts of others without what a terminal would act on.

/** One line of it. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ')
}

/** Lines and tabs stay. */
export function printableText(text: string): string {
  return text.replaceAll(/(?![\n\t])\p{Cc}/gu, '')
}

/** JSON with its last control characters, which JSON.stringify leaves, written as escapes: the same value. */
export function printableJson(value: unknown, space?: number): string {
  const escaped = (control: string) => `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`
  return JSON.stringify(value, null, space).replaceAll(/[\u007F-\u009F]/g, escaped)
}
