// The client programs that the suite calls, one row each.

import { curl } from './curl.ts'
import { anthropicJs, langchainJs, vercel } from './node.ts'
import { ollamaGo } from './ollama-go.ts'
import { ollamaJs } from './ollama-js.ts'
import { openaiJs } from './openai-js.ts'
import type { Program } from './program.ts'
import { anthropicPython, langchainPython, litellm, ollamaPython, openaiPython } from './python.ts'

export const programs: Program[] = [
  ollamaJs,
  ollamaPython,
  ollamaGo,
  openaiJs,
  openaiPython,
  anthropicJs,
  anthropicPython,
  curl,
  langchainJs,
  langchainPython,
  vercel,
  litellm,
]
