import { SaxesParser } from 'saxes'

/** What a picture file is, and how large it is drawn. */
export interface Size {
  readonly width: number
  readonly height: number
}

const svgNamespace = 'http://www.w3.org/2000/svg'
const harmlessNamespaces =
  /^(http:\/\/www\.inkscape\.org\/|http:\/\/sodipodi\.|http:\/\/ns\.adobe\.com\/|http:\/\/creativecommons\.org\/|http:\/\/web\.resource\.org\/cc\/|http:\/\/purl\.org\/dc\/|http:\/\/www\.w3\.org\/1999\/02\/22-rdf-syntax-ns#)/

/** What draws and nothing else. An element that is not here is refused: scripts, pages in pictures, animations. */
const elements: ReadonlySet<string> = new Set(
  (
    'svg g defs symbol use title desc metadata style path rect circle ellipse line polyline polygon text tspan ' +
    'textPath linearGradient radialGradient stop clipPath mask pattern marker switch filter feBlend feColorMatrix ' +
    'feComponentTransfer feComposite feDropShadow feFlood feFuncA feFuncB feFuncG feFuncR feGaussianBlur feMerge ' +
    'feMergeNode feMorphology feOffset feTile image'
  ).split(' '),
)

/**
 * Reads an SVG and says how large it is. Throws with the reason for what could run, fetch or show something else.
 * SECURITY: a picture that is opened by itself is a page of this origin.
 */
export function readSvg(bytes: Buffer): Size {
  const source = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  const parser = new SaxesParser({ xmlns: true })
  let size: Size | undefined
  let depth = 0
  let style = ''
  let isStyle = false
  const refuse = (reason: string): never => {
    throw new Error(reason)
  }
  parser.on('error', () => refuse('is not well-formed XML'))
  parser.on('doctype', () => refuse('has a DOCTYPE; take it out'))
  parser.on('processinginstruction', ({ target }) => refuse(`has a processing instruction <?${target}?>`))
  parser.on('opentag', ({ local, uri, attributes }) => {
    if (uri !== svgNamespace && !harmlessNamespaces.test(uri)) refuse(`has an element <${local}> that is no SVG`)
    if (uri === svgNamespace && !elements.has(local)) refuse(`has an element <${local}>`)
    if (isStyle) refuse('has an element in a style')
    for (const attribute of Object.values(attributes)) refuseAttribute(attribute, refuse)
    if (depth === 0) size = local === 'svg' ? sizeOf(attributes) : refuse('is no SVG')
    depth += 1
    isStyle = uri === svgNamespace && local === 'style'
    style = ''
  })
  parser.on('text', (text) => {
    if (isStyle) style += text
  })
  parser.on('cdata', (text) => {
    if (isStyle) style += text
  })
  parser.on('closetag', () => {
    if (isStyle && leads(style)) refuse('has a style that loads something from elsewhere')
    isStyle = false
    depth -= 1
  })
  parser.write(source).close()
  return size ?? refuse('is no SVG')
}

interface Attribute {
  readonly name: string
  readonly local: string
  readonly uri: string
  readonly value: string
}

function refuseAttribute({ name, local, uri, value }: Attribute, refuse: (reason: string) => never): void {
  if (/^on/i.test(local)) refuse(`has an event handler ${name}`)
  if (name === 'xml:base') refuse('has an attribute xml:base')
  const isReference = local.toLowerCase() === 'href'
  if (isReference && !/^#|^data:image\/(png|jpeg|webp);base64,[\w+/=\s]*$/i.test(value.trim())) {
    refuse(`has a reference ${name} that leads out of the file`)
  }
  // What editors note for themselves is drawn by nobody.
  if (uri === '' && !isReference && leads(value)) refuse(`has an attribute ${name} that loads something from elsewhere`)
}

/** Whether a style leads out of the file. SECURITY: an escape could spell `url` in another way, so none is allowed. */
function leads(style: string): boolean {
  const bare = style.replace(/url\(\s*(["']?)#[\w.:-]+\1\s*\)/gi, '')
  return /url\s*\(|@import|image-set|javascript:|expression\s*\(|\\/i.test(bare)
}

type Attributes = Readonly<Record<string, { readonly value: string }>>

function sizeOf(attributes: Attributes): Size {
  const length = (name: string) => {
    const text = attributes[name]?.value.trim() ?? ''
    return /^\d+(\.\d+)?(px)?$/.test(text) ? Number.parseFloat(text) : undefined
  }
  const box = (attributes['viewBox']?.value.trim().split(/[\s,]+/) ?? []).map(Number)
  const width = length('width') ?? box[2] ?? 0
  const height = length('height') ?? box[3] ?? 0
  if (!(width > 0 && height > 0)) throw new Error('says neither a viewBox nor a width and a height')
  return { width, height }
}
