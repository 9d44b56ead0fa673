const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 1024,
  ki: 1024,
  kib: 1024,
  kb: 1000,
  m: 1024 ** 2,
  mi: 1024 ** 2,
  mib: 1024 ** 2,
  mb: 1000 ** 2,
  g: 1024 ** 3,
  gi: 1024 ** 3,
  gib: 1024 ** 3,
  gb: 1000 ** 3,
  t: 1024 ** 4,
  ti: 1024 ** 4,
  tib: 1024 ** 4,
  tb: 1000 ** 4,
}

/** The shape of a size as a regular expression; units in any case. */
export const BYTE_SIZE_PATTERN = '[0-9]+(?:\\.[0-9]+)?\\s*(?:[KkMmGgTt](?:[Ii]?[Bb]|[Ii])?|[Bb])?'

/** Whole bytes of `512K`, `1.5G`, `10MB`; null for what is no size. `10M` is ten mebibytes, `10MB` ten million bytes. */
export function parseByteSize(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]{0,3})$/i.exec(text)
  const unit = UNITS[(match?.[2] ?? '').toLowerCase()]
  if (match === null || unit === undefined) return null
  const size = Math.floor(Number(match[1]) * unit)
  return Number.isSafeInteger(size) ? size : null
}
