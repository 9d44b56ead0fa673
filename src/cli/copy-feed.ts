import { locationName } from '../config/vault-location.ts'
import type { Context } from '../context.ts'
import { isAppError } from '../model/errors.ts'
import type { Call } from './command.ts'
import { formatBytes, plural, safe } from './format.ts'

/** Objects at a time. */
const AT_A_TIME = 16

export interface Fed {
  readonly vault: string
  readonly ok: boolean
  readonly copied?: number
  readonly copiedBytes?: number
  readonly error?: { readonly code: string; readonly message: string; readonly hint?: string }
}

/**
 * Brings what the vault has into the vaults that the config file names as its copies; Cloudinary is not asked for it. A
 * copy that cannot be reached today is told, and brought up to date by the next run.
 */
export async function feedCopies({ out, signal }: Call, ctx: Context): Promise<readonly Fed[]> {
  const { copies, concurrency } = ctx.config
  if (copies.length === 0) return []
  const { runCopyCommand } = await import('../copy-command.ts')
  const fed: Fed[] = []
  for (const { name, location } of copies) {
    const options = {
      damaged: true,
      dryRun: false,
      concurrency: Math.min(AT_A_TIME, concurrency),
      onProgress: () => {},
    }
    try {
      const report = await runCopyCommand(ctx, { from: null, to: location }, options, signal)
      const ok = report.findings.length === 0 && report.incomplete.length === 0
      fed.push({ vault: name, ok, copied: report.copied, copiedBytes: report.copiedBytes })
    } catch (error) {
      if (!isAppError(error) || signal.aborted) throw error
      const { code, message, hint } = error
      fed.push({ vault: name, ok: false, error: { code, message, ...(hint === undefined ? {} : { hint }) } })
    }
    for (const line of render(fed.at(-1), { out, place: locationName(location) })) out.line(line)
  }
  return fed
}

function render(fed: Fed | undefined, { out, place }: Pick<Call, 'out'> & { place: string }): string[] {
  if (fed === undefined) return []
  const { theme } = out
  const name = `${theme.strong(safe(fed.vault))} ${theme.dim(safe(place))}`
  if (fed.error !== undefined) {
    return [
      `${theme.bad(theme.marks.bad)} copy to ${name}: ${safe(fed.error.message)}`,
      ...(fed.error.hint === undefined ? [] : [`    ${theme.dim(safe(fed.error.hint))}`]),
    ]
  }
  const amount = `${plural(fed.copied ?? 0, 'object')}, ${formatBytes(fed.copiedBytes ?? 0)}`
  if (fed.ok) return [`${theme.ok(theme.marks.ok)} copy to ${name}: ${amount}`]
  return [
    `${theme.warn(theme.marks.warn)} copy to ${name}: ${amount}; not all of it could be copied: cloudkeep verify says what`,
  ]
}
