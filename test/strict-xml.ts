/**
 * As much of an XML parser as proves that a text is well-formed: it knows elements, attributes, texts, the five
 * entities, character references and processing instructions, and throws at everything else. Prefixes must be declared.
 */
export interface Element {
  readonly name: string
  readonly attributes: ReadonlyMap<string, string>
  readonly children: readonly (Element | string)[]
}

const CHAR = /^(?:[\t\n\r\u0020-\ud7ff\ue000-\ufffd]|[\u{10000}-\u{10ffff}])*$/u
const NAME = /^[A-Za-z_][\w.-]*(?::[A-Za-z_][\w.-]*)?/
const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

export function parseXml(source: string): Element {
  if (!CHAR.test(source)) throw new Error('a character that XML 1.0 forbids')
  let rest = source.replaceAll(/\r\n?/g, '\n')
  const take = (length: number): string => {
    const taken = rest.slice(0, length)
    rest = rest.slice(length)
    return taken
  }
  const expect = (text: string): void => {
    if (take(text.length) !== text) throw new Error(`no ${JSON.stringify(text)} before ${rest.slice(0, 40)}`)
  }
  const space = (): number => take(/^[ \t\n]*/.exec(rest)?.[0].length ?? 0).length
  const name = (): string => {
    const found = NAME.exec(rest)?.[0]
    if (found === undefined) throw new Error(`no name at ${rest.slice(0, 40)}`)
    return take(found.length)
  }
  const decoded = (text: string): string => {
    if (/[<]/.test(text) || text.includes(']]>')) throw new Error(`bare markup in ${text}`)
    return text.replace(/&([^;&]*;?)/g, (whole, body: string) => {
      const number = /^#(?:x([0-9A-Fa-f]+)|(\d+));$/.exec(body)
      const value =
        number === null
          ? ENTITIES[body.slice(0, -1)]
          : String.fromCodePoint(Number.parseInt(number[1] ?? number[2] ?? '', number[1] === undefined ? 10 : 16))
      if (value === undefined || !body.endsWith(';') || !CHAR.test(value)) throw new Error(`no reference: ${whole}`)
      return value
    })
  }
  const instructions = (): void => {
    space()
    while (rest.startsWith('<?')) {
      const end = rest.indexOf('?>')
      if (end < 0) throw new Error('an instruction without an end')
      take(end + 2)
      space()
    }
  }
  const element = (declared: ReadonlySet<string>): Element => {
    expect('<')
    const called = name()
    const attributes = new Map<string, string>()
    for (;;) {
      const gap = space()
      if (rest.startsWith('>') || rest.startsWith('/>')) break
      const key = name()
      if (gap === 0 || attributes.has(key)) throw new Error(`a wrong attribute ${key}`)
      expect('=')
      const quote = take(1)
      const end = rest.indexOf(quote)
      if (!/^["']$/.test(quote) || end < 0) throw new Error('an attribute without quotes')
      attributes.set(key, decoded(take(end)))
      take(1)
    }
    const known = new Set([
      ...declared,
      ...[...attributes.keys()].filter((key) => key.startsWith('xmlns:')).map((key) => key.slice(6)),
    ])
    for (const each of [called, ...attributes.keys()]) {
      const prefix = each.includes(':') ? each.split(':')[0] : undefined
      if (prefix !== undefined && prefix !== 'xmlns' && prefix !== 'xml' && !known.has(prefix))
        throw new Error(`${prefix} is not declared`)
    }
    if (rest.startsWith('/>')) {
      take(2)
      return { name: called, attributes, children: [] }
    }
    expect('>')
    const children: (Element | string)[] = []
    while (!rest.startsWith('</')) {
      if (rest === '') throw new Error(`${called} does not end`)
      if (rest.startsWith('<')) children.push(element(known))
      else children.push(decoded(take(rest.includes('<') ? rest.indexOf('<') : rest.length)))
    }
    expect(`</${called}`)
    space()
    expect('>')
    return { name: called, attributes, children }
  }
  if (rest.startsWith('\ufeff')) take(1)
  instructions()
  const root = element(new Set())
  instructions()
  if (rest !== '') throw new Error(`something after the end: ${rest.slice(0, 40)}`)
  return root
}

/** The texts of the innermost elements below each element of that name. */
export function textsOf(root: Element, name: string): string[] {
  const inner = (element: Element): string[] => {
    const elements = element.children.filter((child) => typeof child !== 'string')
    return elements.length > 0 ? elements.flatMap(inner) : [element.children.join('')]
  }
  const below = root.children.filter((child) => typeof child !== 'string').flatMap((child) => textsOf(child, name))
  return root.name === name ? [...inner(root), ...below] : below
}
