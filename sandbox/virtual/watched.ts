/**
 * Objects that tell when somebody changes them. The routes change an asset by assigning to it; a computed asset has
 * to notice, because from then on it must be kept instead of computed.
 */
import type { Asset } from '../state.ts'

class WatchedSet<T> extends Set<T> {
  onChange: (() => void) | null = null
  override add(value: T): this {
    super.add(value)
    this.onChange?.()
    return this
  }
  override delete(value: T): boolean {
    this.onChange?.()
    return super.delete(value)
  }
  override clear(): void {
    this.onChange?.()
    super.clear()
  }
}

export const watchedSet = <T>(values: Iterable<T>): Set<T> => new WatchedSet(values)

/** What there is to know of computed assets, by their index. */
export interface Source {
  /** Fields that can be told without making the asset, so that a filter over millions stays cheap. */
  readonly quick: { readonly [field in keyof Asset]?: (index: number) => unknown }
  make(index: number): Asset
  /** Called before each change, with what stands for the asset from then on. */
  onChange(index: number, asset: Asset): void
}

/** One asset; all of them share one handler, since millions of them are made for a moment each. */
interface Stand {
  readonly index: number
  made: Asset | undefined
  asset: Asset | undefined
  inner: ProxyHandler<object> | undefined
}

/** Arrays and maps within an asset, however deep. */
const innerHandler = (changed: () => void): ProxyHandler<object> => {
  const handler: ProxyHandler<object> = {
    get: (target, key) => watch(Reflect.get(target, key), handler, changed),
    set: (target, key, next) => {
      changed()
      return Reflect.set(target, key, next)
    },
    deleteProperty: (target, key) => {
      changed()
      return Reflect.deleteProperty(target, key)
    },
  }
  return handler
}

const watch = (value: unknown, handler: ProxyHandler<object>, changed: () => void): unknown => {
  if (value instanceof WatchedSet) {
    value.onChange = changed
    return value
  }
  // Contents are frozen, and a proxy must show the parts of a frozen object as they are.
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  return new Proxy(value, handler)
}

/** Returns what stands for the asset of an index: it is made when somebody looks closer than `quick`. */
export const createWatcher = ({ quick, make, onChange }: Source): ((index: number) => Asset) => {
  const madeOf = (stand: Stand): Asset => {
    stand.made ??= make(stand.index)
    return stand.made
  }
  const change = (stand: Stand): Asset => {
    if (stand.asset !== undefined) onChange(stand.index, stand.asset)
    return madeOf(stand)
  }
  const read = (stand: Stand, key: string | symbol): unknown => {
    const value: unknown = Reflect.get(madeOf(stand), key)
    if (typeof value !== 'object' || value === null) return value
    const changed = (): void => void change(stand)
    stand.inner ??= innerHandler(changed)
    return watch(value, stand.inner, changed)
  }
  const handler: ProxyHandler<Stand> = {
    get: (stand, key) => {
      const tell = stand.made === undefined ? quick[key as keyof Asset] : undefined
      return tell === undefined ? read(stand, key) : tell(stand.index)
    },
    set: (stand, key, next) => Reflect.set(change(stand), key, next),
    has: (stand, key) => Reflect.has(madeOf(stand), key),
    ownKeys: (stand) => Reflect.ownKeys(madeOf(stand)),
    getOwnPropertyDescriptor: (stand, key) => {
      const found = Reflect.getOwnPropertyDescriptor(madeOf(stand), key)
      return found === undefined ? undefined : { ...found, configurable: true }
    },
  }
  return (index) => {
    const stand: Stand = { index, made: undefined, asset: undefined, inner: undefined }
    const asset = new Proxy(stand, handler) as object as Asset
    stand.asset = asset
    return asset
  }
}
