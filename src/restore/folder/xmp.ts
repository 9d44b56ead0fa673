import type { Entry } from '../../model/entry.ts'
import type { Json } from '../../model/json.ts'

/** Not an address: a name that no other program uses. */
const NAMESPACE = 'urn:cloudkeep:xmp:1.0/'

/**
 * A version's labels as `name.ext.xmp`, for programs that know photographs and not Cloudinary (digiKam, Lightroom,
 * darktable, exiftool): tags as `dc:subject`, the context's caption and alt text as title and description, as the Media
 * Library shows them, the times, and names of the account in a namespace of our own. Always well-formed XML 1.0,
 * whatever the account holds; the same version always gives the same text.
 */
export const xmpSidecar = (entry: Entry): string => {
  const { facts } = entry
  const context = customOf(facts.context)
  const properties = [
    bag('dc:subject', facts.tags),
    alternative('dc:title', context('caption')),
    alternative('dc:description', context('alt')),
    simple('xmp:CreateDate', timeOf(facts.createdAt)),
    simple('xmp:ModifyDate', timeOf(facts.uploadedAt ?? facts.createdAt)),
    simple('xmp:MetadataDate', timeOf(facts.updatedAt ?? facts.uploadedAt ?? facts.createdAt)),
    simple('photoshop:DateCreated', timeOf(facts.createdAt)),
    simple('cloudkeep:publicId', entry.publicId),
    simple('cloudkeep:assetId', entry.assetId),
    simple('cloudkeep:resourceType', entry.resourceType),
    simple('cloudkeep:type', entry.type),
    simple('cloudkeep:version', entry.version),
    simple('cloudkeep:sha256', entry.object),
    simple('cloudkeep:folder', facts.folder),
    simple('cloudkeep:displayName', facts.displayName),
  ]
  return `${HEAD}${properties.join('')}${FOOT}`
}

const HEAD = `<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="cloudkeep">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"
    xmlns:cloudkeep="${NAMESPACE}">
`
const FOOT = `  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>
`

/** What XML 1.0 cannot hold, not even escaped. */
const IMPOSSIBLE = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Surrogate}/gu
const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  // A parser turns a bare one into a line feed.
  '\r': '&#xD;',
}

/** Impossible characters become U+FFFD, so that a reader sees that there was one. */
const escaped = (text: string): string =>
  text.replace(IMPOSSIBLE, '\ufffd').replace(/[&<>"\r]/g, (char) => ESCAPES[char] ?? char)

const simple = (name: string, value: string | null): string =>
  value === null ? '' : `   <${name}>${escaped(value)}</${name}>\n`

const bag = (name: string, values: readonly string[]): string => {
  if (values.length === 0) return ''
  const items = values.map((value) => `     <rdf:li>${escaped(value)}</rdf:li>\n`).join('')
  return `   <${name}>\n    <rdf:Bag>\n${items}    </rdf:Bag>\n   </${name}>\n`
}

const alternative = (name: string, value: string | null): string =>
  value === null
    ? ''
    : `   <${name}>\n    <rdf:Alt>\n     <rdf:li xml:lang="x-default">${escaped(value)}</rdf:li>\n    </rdf:Alt>\n   </${name}>\n`

const isObject = (value: Json | undefined): value is { readonly [key: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const customOf = (context: Json): ((key: string) => string | null) => {
  const custom = isObject(context) && Object.hasOwn(context, 'custom') ? context['custom'] : undefined
  return (key) => {
    const value = isObject(custom) && Object.hasOwn(custom, key) ? custom[key] : undefined
    return typeof value === 'string' ? value : null
  }
}

const timeOf = (text: string | null): string | null => {
  const ms = text === null ? Number.NaN : Date.parse(text)
  return Number.isNaN(ms) ? null : new Date(ms).toISOString()
}
