import { createHash } from 'node:crypto'
import { createMemoryShelf } from './memory-shelf.ts'
import type { AssetShelf, Cloud, CloudSettings } from './state.ts'
import { predefinedProfiles } from './streaming-profiles.ts'

const MIB = 1024 * 1024

/** A free account as it is made today. */
const DEFAULT_SETTINGS: CloudSettings = {
  folderMode: 'dynamic',
  autoBackup: true,
  optimizeByDefault: false,
  allowPdfZip: false,
  overwriteClearsAttributes: false,
  blanksIgnored: false,
  terseAnswers: false,
  plan: 'Free',
  rateLimit: 500,
  rateWindowMs: 3_600_000,
  mediaLimits: { image: 10 * MIB, video: 100 * MIB, raw: 10 * MIB },
  searchLagMs: 0,
}

export interface CloudOptions {
  readonly name: string
  /** @default 15 digits that follow from the name */
  readonly key?: string
  /** @default 27 characters that follow from the name */
  readonly secret?: string
  readonly settings?: Partial<CloudSettings>
  /** @default an empty shelf in memory */
  readonly shelf?: AssetShelf
  /** Milliseconds since the epoch. @default now */
  readonly createdAt?: number
}

const digestOf = (text: string): Buffer => createHash('sha256').update(text).digest()

/** An account with nothing in it, but with what every account has. */
export const createCloud = (options: CloudOptions): Cloud => ({
  name: options.name,
  keys: [
    {
      key:
        options.key ??
        String(100_000_000_000_000 + (digestOf(`key ${options.name}`).readUIntBE(0, 6) % 899_999_999_999_999)),
      secret: options.secret ?? digestOf(`secret ${options.name}`).toString('base64url').slice(0, 27),
      enabled: true,
    },
  ],
  createdAt: options.createdAt ?? Date.now(),
  settings: { ...DEFAULT_SETTINGS, ...options.settings },
  shelf: options.shelf ?? createMemoryShelf(),
  folders: new Map(),
  presets: new Map(),
  transformations: new Map(),
  mappings: new Map(),
  profiles: predefinedProfiles(options.name),
  fields: [],
  rules: [],
  triggers: new Map(),
  uploads: new Map(),
  before: [],
  quota: { windowEnds: 0, used: 0 },
  events: [],
})

/** The secret that signs delivery URLs and webhooks: that of the oldest active key. */
export const signingSecret = (cloud: Cloud): string => cloud.keys.find((key) => key.enabled)?.secret ?? ''
