import { expect, test } from 'vitest'
import { shownUrl } from './shown-url.ts'

test.each([
  ['https://example.com', 'https://example.com/'],
  ['https://example.com:8443/hook/42', 'https://example.com:8443/hook/42'],
  ['https://example.com/hook?token=hidden#hidden', 'https://example.com/hook?…'],
  ['https://hidden:hidden@example.com/', 'https://…@example.com/'],
  ['https://hidden@example.com/a?hidden', 'https://…@example.com/a?…'],
  ['https:\\\\:hidden@example.com\\a?hidden', 'https://…@example.com/a?…'],
])('%s is shown as %s', (url, shown) => {
  expect(shownUrl(url)).toBe(shown)
})
