/**
 * Objects that tell when somebody changes them. The routes change an asset by assigning to it; a computed asset has
 * to notice, because from then on it must be kept instead of computed.
 */
import type { Asset } from '../state.ts'

/** What a computed asset can say without being made, so that a filter over millions stays cheap. */
export type Quick = {
  readonly [field in 'assetId' | 'publicId' | 'resourceType' | 'type' | 'createdAt']: () => unknown
}

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

const deep = (value: unknown, onChange: () => void): unknown => {
  if (value instanceof WatchedSet) {
    value.onChange = onChange
    return value
  }
  // Contents are frozen, and a proxy must show the parts of a frozen object as they are.
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  return new Proxy(value, {
    get: (target, key) => deep(Reflect.get(target, key), onChange),
    set: (target, key, next) => {
      onChange()
      return Reflect.set(target, key, next)
    },
    deleteProperty: (target, key) => {
      onChange()
      return Reflect.deleteProperty(target, key)
    },
  })
}

/** An asset that is made when somebody looks closer than `quick`; `onChange` is called before each change. */
export const watchedAsset = (quick: Quick, make: () => Asset, onChange: (made: Asset) => void): Asset => {
  let made: Asset | undefined
  const target = (): Asset => {
    made ??= make()
    return made
  }
  const changed = (): void => onChange(target())
  const isQuick = (key: string | symbol): key is keyof Quick => Object.hasOwn(quick, key)
  const stand = {} as Asset
  return new Proxy(stand, {
    get: (_, key) => (made === undefined && isQuick(key) ? quick[key]() : deep(Reflect.get(target(), key), changed)),
    set: (_, key, next) => {
      changed()
      return Reflect.set(target(), key, next)
    },
    has: (_, key) => Reflect.has(target(), key),
    ownKeys: () => Reflect.ownKeys(target()),
    getOwnPropertyDescriptor: (_, key) => {
      const found = Reflect.getOwnPropertyDescriptor(target(), key)
      return found === undefined ? undefined : { ...found, configurable: true }
    },
  })
}
