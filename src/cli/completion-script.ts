import type { CliCommand } from './command.ts'

export const SHELLS = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof SHELLS)[number]

interface Word {
  readonly word: string
  readonly help: string
  readonly takesValue: boolean
  readonly choices: readonly string[]
}

const COMMON: readonly Word[] = [
  { word: '--vault', help: 'where the vault is', takesValue: true, choices: [] },
  { word: '--cloud', help: 'the account', takesValue: true, choices: [] },
  { word: '--config', help: 'config file', takesValue: true, choices: [] },
  { word: '--json', help: 'print NDJSON', takesValue: false, choices: [] },
  { word: '--verbose', help: 'tell more', takesValue: false, choices: [] },
  { word: '--no-color', help: 'no colours', takesValue: false, choices: [] },
  { word: '--help', help: 'show help', takesValue: false, choices: [] },
]

/** The script is made from the same list as the commands, so it cannot fall behind. */
export function renderCompletion(shell: Shell, commands: readonly CliCommand[]): string {
  if (shell === 'bash') return renderBash(commands)
  return shell === 'zsh' ? renderZsh(commands) : renderFish(commands)
}

function wordsOf(command: CliCommand): readonly Word[] {
  const own = (command.options ?? []).map((option): Word => {
    const long = /--[a-z-]+/.exec(option.flags)?.[0] ?? option.flags
    return { word: long, help: option.help, takesValue: option.flags.includes('<'), choices: option.choices ?? [] }
  })
  return [...own, ...COMMON]
}

const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`

function renderBash(commands: readonly CliCommand[]): string {
  const cases = commands.map(
    (command) =>
      `    ${command.name}) options=${quote(
        wordsOf(command)
          .map(({ word }) => word)
          .join(' '),
      )} ;;`,
  )
  const choices = commands.flatMap((command) =>
    wordsOf(command)
      .filter((word) => word.choices.length > 0)
      .map(
        (word) =>
          `    ${quote(`${command.name} ${word.word}`)}) COMPREPLY=($(compgen -W ${quote(word.choices.join(' '))} -- "$current")); return ;;`,
      ),
  )
  return `# bash completion for cloudkeep
_cloudkeep() {
  local current="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" command="\${COMP_WORDS[1]}" options=''
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W ${quote(commands.map(({ name }) => name).join(' '))} -- "$current"))
    return
  fi
  case "$command $before" in
${choices.join('\n')}
  esac
  case "$command" in
${cases.join('\n')}
  esac
  case "$command $current" in
    completion\\ *) COMPREPLY=($(compgen -W ${quote(SHELLS.join(' '))} -- "$current")); return ;;
    *\\ -*) COMPREPLY=($(compgen -W "$options" -- "$current")); return ;;
  esac
  COMPREPLY=($(compgen -f -- "$current"))
}
complete -o filenames -F _cloudkeep cloudkeep`
}

function renderZsh(commands: readonly CliCommand[]): string {
  // Brackets and colons have a meaning of their own in zsh's descriptions.
  const plain = (text: string): string => text.replaceAll(/[[\]:\\]/g, ' ')
  const cases = commands.map((command) => {
    const words = wordsOf(command).map(({ word, help, takesValue, choices }) => {
      const value = takesValue ? `:value:${choices.length > 0 ? `(${choices.join(' ')})` : '_files'}` : ''
      return `        ${quote(`*${word}[${plain(help)}]${value}`)}`
    })
    const rest = command.name === 'completion' ? `(${SHELLS.join(' ')})` : '_files'
    return `    ${command.name}) _arguments \\\n${words.join(' \\\n')} \\\n        ${quote(`*:argument:${rest}`)} ;;`
  })
  return `#compdef cloudkeep
_cloudkeep() {
  local -a commands
  commands=(
${commands.map(({ name, summary }) => `    ${quote(`${name}:${plain(summary)}`)}`).join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe 'command' commands
    return
  fi
  local command="$words[2]"
  shift words
  (( CURRENT -= 1 ))
  case "$command" in
${cases.join('\n')}
  esac
}
if [ "$funcstack[1]" = "_cloudkeep" ]; then _cloudkeep "$@"; else compdef _cloudkeep cloudkeep; fi`
}

function renderFish(commands: readonly CliCommand[]): string {
  const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
  const lines = ['# fish completion for cloudkeep']
  for (const command of commands) {
    lines.push(`complete -c cloudkeep -n __fish_use_subcommand -f -a ${command.name} -d ${quoted(command.summary)}`)
    for (const { word, help, takesValue, choices } of wordsOf(command)) {
      const value = choices.length > 0 ? ` -x -a ${quoted(choices.join(' '))}` : takesValue ? ' -r' : ''
      lines.push(
        `complete -c cloudkeep -n ${quoted(`__fish_seen_subcommand_from ${command.name}`)} -l ${word.slice(2)}${value} -d ${quoted(help)}`,
      )
    }
  }
  lines.push(`complete -c cloudkeep -n '__fish_seen_subcommand_from completion' -f -a ${quoted(SHELLS.join(' '))}`)
  return lines.join('\n')
}
