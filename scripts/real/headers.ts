// C++ headers that later releases of Ollama include and that no Go module brings for them, as Go leaves out folders of the name
// `vendor`. Other modules carry the same files elsewhere: the Go client alone is enough to have them.
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { runProgram } from './cache.ts'

interface Header {
  /** As it is included. */
  name: string
  module: string
  /** Its path within the module. */
  path: string
}

const llama = 'github.com/ollama/ollama@v0.11.4'
const headers: Header[] = [
  { name: 'nlohmann/json.hpp', module: llama, path: 'llama/llama.cpp/common/json.hpp' },
  { name: 'stb/stb_image.h', module: llama, path: 'llama/llama.cpp/common/stb_image.h' },
  { name: 'miniaudio/miniaudio.h', module: 'github.com/gen2brain/malgo@v0.11.24', path: 'miniaudio.h' },
]

/** Puts them below `folder`, an include folder from then on. Throws with the Go client's words when a module cannot be had. */
export async function fetchHeaders(folder: string): Promise<void> {
  for (const { name, module, path } of headers) {
    const target = join(folder, name)
    await mkdir(dirname(target), { recursive: true })
    await writeFile(target, await readFile(join(await moduleFolder(module), path)))
  }
  // The names without what they stand for are a file of their own there; with it they are as good.
  await writeFile(join(folder, 'nlohmann', 'json_fwd.hpp'), '#include "json.hpp"\n')
}

/** Where the Go client keeps a module, after fetching it if it is missing. */
async function moduleFolder(module: string): Promise<string> {
  const told = await runProgram('go', ['mod', 'download', '-json', module])
  return (JSON.parse(told) as { Dir: string }).Dir
}
