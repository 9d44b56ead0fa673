import { AppError } from '../../model/errors.ts'
import type { CliCommand } from '../command.ts'
import { renderCompletion, SHELLS, type Shell } from '../completion-script.ts'
import { EXIT } from '../exit-codes.ts'

/** Needs the list of all commands, itself included; hence a function. */
export const completion = (commands: () => readonly CliCommand[]): CliCommand => ({
  name: 'completion',
  summary: 'print a completion script for a shell',
  group: 'more',
  operands: [['<SHELL>', 'bash, zsh or fish']],
  notes: `  source <(cloudkeep completion bash)
  cloudkeep completion zsh > "\${fpath[1]}/_cloudkeep"
  cloudkeep completion fish > ~/.config/fish/completions/cloudkeep.fish`,
  run: async ({ operands, out }) => {
    const shell = SHELLS.find((each): each is Shell => each === operands[0])
    if (!shell)
      throw new AppError('USAGE', `there is no completion for "${operands[0] ?? ''}"`, {
        hint: `one of ${SHELLS.join(', ')}`,
      })
    const script = renderCompletion(shell, commands())
    out.line(script)
    out.record('script', { shell, script })
    return { exit: EXIT.done }
  },
})
