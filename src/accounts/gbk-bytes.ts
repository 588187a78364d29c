/** Made at its first use, from what the other direction answers: there is no encoder for it. */
let table: ReadonlyMap<string, number> | undefined

/** A text in GBK, as old Chinese sites saw it; what GBK does not know becomes a question mark. */
export function gbkBytes(text: string): Buffer {
  table ??= madeTable()
  const bytes: number[] = []
  for (const character of text) {
    const code = character.charCodeAt(0)
    const pair = code < 0x80 ? code : (table.get(character) ?? 0x3f)
    if (pair > 0xff) bytes.push(pair >> 8)
    bytes.push(pair & 0xff)
  }
  return Buffer.from(bytes)
}

function madeTable(): ReadonlyMap<string, number> {
  const decoder = new TextDecoder('gbk')
  const made = new Map<string, number>()
  for (let lead = 0x81; lead <= 0xfe; lead++) {
    for (let trail = 0x40; trail <= 0xfe; trail++) {
      const character = decoder.decode(Uint8Array.of(lead, trail))
      if ([...character].length === 1 && character !== '\uFFFD' && !made.has(character))
        made.set(character, lead * 256 + trail)
    }
  }
  return made
}
