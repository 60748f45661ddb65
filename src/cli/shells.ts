// The scripts that make Tab complete jobrun in each shell. All of them ask the program itself, by a word that no
// command has, and get a line a candidate: the word, a tab, what it is. `:files` says that files are wanted there.

export const ASK_WORD = '__complete';

export const FILES = ':files';

const bash = `# jobrun, for bash: put this into ~/.bashrc:  eval "$(jobrun completion bash)"
_jobrun() {
  local line IFS=$'\\n'
  COMPREPLY=()
  for line in $("\${COMP_WORDS[0]}" ${ASK_WORD} "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null); do
    if [ "$line" = '${FILES}' ]; then
      compopt -o filenames 2>/dev/null
      COMPREPLY+=($(compgen -f -- "\${COMP_WORDS[COMP_CWORD]}"))
    else
      COMPREPLY+=("\${line%%$'\\t'*}")
    fi
  done
  [ "\${COMPREPLY[0]: -1}" = '=' ] && compopt -o nospace 2>/dev/null
}
complete -o nosort -F _jobrun jobrun 2>/dev/null || complete -F _jobrun jobrun`;

const zsh = `#compdef jobrun
# jobrun, for zsh: put this into ~/.zshrc, after compinit:  eval "$(jobrun completion zsh)"
_jobrun() {
  local line
  local -a values described
  for line in "\${(@f)$("\${words[1]}" ${ASK_WORD} "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    if [[ $line == '${FILES}' ]]; then
      _files
    elif [[ -n $line ]]; then
      values+=("\${line%%$'\\t'*}")
      described+=("\${line/$'\\t'/  -- }")
    fi
  done
  (( $#values )) && compadd -V jobrun -l -d described -a values
}
if [ "$funcstack[1]" = '_jobrun' ]; then _jobrun "$@"; else compdef _jobrun jobrun; fi`;

const fish = `# jobrun, for fish:  jobrun completion fish > ~/.config/fish/completions/jobrun.fish
function __jobrun_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    for line in ($words[1] ${ASK_WORD} $words[2..-1] "$current" 2>/dev/null)
        if test "$line" = '${FILES}'
            __fish_complete_path "$current"
        else
            echo $line
        end
    end
end
complete -c jobrun -f -k -a '(__jobrun_complete)'`;

export const SHELLS: Readonly<Record<string, string>> = { bash, zsh, fish };
