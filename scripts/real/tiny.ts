// A llama of a few thousand random weights that a real Ollama loads in a quarter of a second and samples gibberish from:
// what it says means nothing, how it streams, stops, reloads and embeds is real. The file format is gguf.ts's.
import { writeFile } from 'node:fs/promises'
import { encodeGguf, type GgufTensor, type GgufValue } from './gguf.ts'

export interface TinyModel {
  /** `general.name` in the file. Two files that differ only in it are two runners to Ollama. */
  name: string
  /** The weights follow from it alone. */
  seed: number
  /** Chance of end-of-text per token, 0 to 1. With 0 the model talks until num_predict. Default 0.03. */
  eos?: number
  /** An embedding-only model: chat and generate are refused, /api/embed answers vectors of 64 numbers. */
  embedding?: boolean
  /** Makes JSON punctuation likely, so that output constrained by `format` closes its strings and ends. */
  json?: boolean
  /** Said whatever is asked, and no more: a function's call, say, for Ollama to find in it. */
  says?: string
  /** The context it was "trained" for; num_ctx is capped to it. Default 2048. */
  ctx?: number
  layers?: number
}

const width = 64
const heads = 4
const headsKv = 2
const headWidth = width / heads
const feedForward = 128

// The vocabulary is SentencePiece's: three specials, the 256 bytes, JSON's punctuation, words.
const tokenType = { normal: 1, unknown: 2, control: 3, byte: 6 }
const endOfText = 2
const punctuation = ['"', '{', '}', '[', ']', ':', ',']
const words =
  'amber basil cedar delta ember fjord grove haven inlet jolly karma lemon mango north ocean pearl quiet river stone tulip umbra vivid willow xenon yield zebra anchor breeze candle dragon engine forest garden harbor island jacket kettle ladder meadow nectar orchid pencil quartz ribbon saddle temple uphill valley window yellow zephyr apple bread cloud dance earth flame glass house juice knife'.split(
    ' ',
  )
const specials = ['<unk>', '<s>', '</s>']
const bytes = Array.from({ length: 256 }, (_, b) => `<0x${b.toString(16).toUpperCase().padStart(2, '0')}>`)
const tokens = [...specials, ...bytes, ...punctuation, ...words.map((word) => `\u2581${word}`)]
const firstPunctuation = specials.length + bytes.length
const firstWord = firstPunctuation + punctuation.length
/** Gives its place to what a model says. */
const lastWord = tokens.length - 1

// Without a template of its own, or with one that resembles a well-known one, Ollama would put its own template in.
const chatTemplate =
  '{# plain transcript template for a random-weight test model; this comment only makes the text long enough that it is not taken for any well-known chat template by edit distance #}' +
  "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}"

/** Writes the model's file: about 0.3 MB, the same bytes for the same arguments. */
export async function writeTinyGguf(path: string, model: TinyModel): Promise<void> {
  await writeFile(path, encodeGguf({ metadata: metadata(model), tensors: tensors(model) }))
}

function tensors({ seed, eos = 0.03, json = false, says, layers = 1 }: TinyModel): GgufTensor[] {
  const gauss = noise(seed)
  const matrix = (
    name: string,
    rows: number,
    columns: number,
    scale: number,
    fix = (_row: number, _column: number, v: number) => v,
  ): GgufTensor => {
    const data = new Float32Array(rows * columns)
    for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) data[r * columns + c] = fix(r, c, gauss() * scale)
    return { name, dims: [columns, rows], data }
  }
  const ones = (name: string): GgufTensor => ({ name, dims: [width], data: new Float32Array(width).fill(1) })

  // Dimension 0 of every hidden state is a constant, so column 0 of output.weight acts as a bias per token.
  const bias = 8
  const constant = bias / Math.sqrt((bias * bias + (width - 1)) / width)
  const spread = 0.95 / Math.sqrt(width)
  const variance = spread * spread * (width - 1) * (constant / bias) ** 2
  const wordBias = 1.5
  const logit = wordBias * constant + Math.log(words.length) + variance / 2 + Math.log(eos / (1 - eos))
  const eosBias = eos > 0 ? logit / constant : -3
  const said = says === undefined ? undefined : lastWord
  const tokenBias = (token: number) => {
    if (token === said) return 5
    if (token >= firstWord) return wordBias
    return token >= firstPunctuation && json ? wordBias + 0.5 : -3
  }

  const all = [
    matrix('token_embd.weight', tokens.length, width, 1, (r, c, v) => {
      if (c === 0) return bias
      // Dimension 1 tells that it was said.
      if (c === 1 && said) return r === said ? bias : 0
      return v
    }),
    ones('output_norm.weight'),
    matrix('output.weight', tokens.length, width, spread, (r, c, v) => {
      if (r === endOfText && c === 1 && said) return 12
      if (r === endOfText) return c === 0 ? eosBias : 0
      return c === 0 ? tokenBias(r) : v
    }),
  ]
  const scale = 0.5 / Math.sqrt(width)
  const keepConstant = (r: number, _c: number, v: number) => (r === 0 ? 0 : v)
  for (let i = 0; i < layers; i++) {
    const block = `blk.${i}.`
    all.push(
      ones(`${block}attn_norm.weight`),
      matrix(`${block}attn_q.weight`, heads * headWidth, width, scale),
      matrix(`${block}attn_k.weight`, headsKv * headWidth, width, scale),
      matrix(`${block}attn_v.weight`, headsKv * headWidth, width, scale),
      matrix(`${block}attn_output.weight`, width, heads * headWidth, scale, keepConstant),
      ones(`${block}ffn_norm.weight`),
      matrix(`${block}ffn_gate.weight`, feedForward, width, scale),
      matrix(`${block}ffn_up.weight`, feedForward, width, scale),
      matrix(`${block}ffn_down.weight`, width, feedForward, scale, keepConstant),
    )
  }
  return all
}

function metadata({ name, embedding, says, ctx = 2048, layers = 1 }: TinyModel): [string, GgufValue][] {
  const u32 = (value: number): GgufValue => ({ type: 'u32', value })
  const f32 = (value: number): GgufValue => ({ type: 'f32', value })
  const bool = (value: boolean): GgufValue => ({ type: 'bool', value })
  const string = (value: string): GgufValue => ({ type: 'string', value })
  const types = tokens.map((_, i) => {
    if (i === 0) return tokenType.unknown
    if (i < specials.length) return tokenType.control
    return i < firstPunctuation ? tokenType.byte : tokenType.normal
  })
  return [
    ['general.architecture', string('llama')],
    ['general.name', string(name)],
    ['general.file_type', u32(0)],
    ['general.quantization_version', u32(2)],
    ['llama.context_length', u32(ctx)],
    ['llama.embedding_length', u32(width)],
    ['llama.block_count', u32(layers)],
    ['llama.feed_forward_length', u32(feedForward)],
    ['llama.attention.head_count', u32(heads)],
    ['llama.attention.head_count_kv', u32(headsKv)],
    ['llama.attention.layer_norm_rms_epsilon', f32(1e-5)],
    ['llama.rope.dimension_count', u32(headWidth)],
    ['llama.rope.freq_base', f32(10_000)],
    ['llama.vocab_size', u32(tokens.length)],
    ...(embedding ? [['llama.pooling_type', u32(1)] satisfies [string, GgufValue]] : []),
    ['tokenizer.ggml.model', string('llama')],
    ['tokenizer.ggml.pre', string('default')],
    ['tokenizer.ggml.tokens', { type: 'strings', value: says === undefined ? tokens : tokens.with(lastWord, says) }],
    ['tokenizer.ggml.scores', { type: 'f32s', value: tokens.map((_, i) => (i < firstPunctuation ? 0 : -i)) }],
    ['tokenizer.ggml.token_type', { type: 'i32s', value: types }],
    ['tokenizer.ggml.bos_token_id', u32(1)],
    ['tokenizer.ggml.eos_token_id', u32(endOfText)],
    ['tokenizer.ggml.unknown_token_id', u32(0)],
    ['tokenizer.ggml.add_bos_token', bool(true)],
    ['tokenizer.ggml.add_space_prefix', bool(false)],
    ['tokenizer.ggml.add_eos_token', bool(false)],
    ['tokenizer.chat_template', string(chatTemplate)],
  ]
}

/** Deterministic noise of mean 0 and variance 1: mulberry32, and a sum of four uniforms. */
function noise(seed: number): () => number {
  let s = seed >>> 0
  const uniform = () => {
    s = (s + 0x6d2b79f5) >>> 0
    let t = s
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  return () => (uniform() + uniform() + uniform() + uniform() - 2) * Math.sqrt(3)
}
