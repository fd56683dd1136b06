"""Completions of the command line for bash, zsh and fish, made from the declarations of the flags.

`make reference` writes them into `share/`, and a wheel puts them where the shells look for them. Behind `--` stands a
command with its own arguments, which the shell completes as it does elsewhere.
"""

from collections.abc import Sequence
from typing import NamedTuple

from shuttle.command.flags import OFFLINE, ONLINE, Flag, name_value
from shuttle.command.options import FLAGS

COMMAND = "log-shuttle"
_BOOLS = ("true", "false")
_BARE = ("bool", "check")  # kinds that take a value by = alone

_BASH = """\
# bash completion for {command}. Made by `make reference`, not by hand.

_log_shuttle() {{
    local current=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} flag place
    COMPREPLY=()
    for ((place = 1; place < COMP_CWORD; place++)); do
        if [[ ${{COMP_WORDS[place]}} == -- ]]; then
            if declare -F _command_offset >/dev/null; then
                _command_offset $((place + 1))
            elif ((COMP_CWORD == place + 1)); then
                mapfile -t COMPREPLY < <(compgen -c -- "$current")
            else
                mapfile -t COMPREPLY < <(compgen -f -- "$current")
            fi
            return
        fi
    done
    if [[ $current == = ]]; then # = is a word of its own
        flag=$before current=
    elif [[ $before == = ]]; then
        flag=${{COMP_WORDS[COMP_CWORD-2]}}
    else
        flag=$before
        case ${{flag/#--/-}} in
            {bare}) flag= ;; # takes its value by = alone
        esac
    fi
    case ${{flag/#--/-}} in
{cases}
        *)
            local dash=-
            [[ $current == --* ]] && dash=--
            mapfile -t COMPREPLY < <(compgen -P "$dash" -W '{names}' -- "${{current#"$dash"}}")
            ;;
    esac
}}
complete -F _log_shuttle {command}
"""

_ZSH = """\
#compdef {command}
# zsh completion for {command}. Made by `make reference`, not by hand.

_arguments -S \\
{specs} \\
    '(-)--[the application to run]:*::application:_normal'
"""

_FISH = """\
# fish completion for {command}. Made by `make reference`, not by hand.

function __log_shuttle_application
    set -l words (commandline -opc)
    set -e words[1..(contains -i -- -- $words)]
    complete -C (string join ' ' -- (string escape -- $words) (commandline -ct))
end

complete -c {command} -f
complete -c {command} -n 'contains -- -- (commandline -opc)' -a '(__log_shuttle_application)'
{specs}
"""


class _Value(NamedTuple):
    """What may stand as the value of a flag."""

    words: tuple[str, ...] = ()
    files: bool = False
    directories: bool = False


def _find_value(flag: Flag) -> _Value:
    match flag.kind:
        case "bool":
            return _Value(_BOOLS)
        case "check":
            return _Value((ONLINE, OFFLINE))
    if flag.metavar == "DIR":
        return _Value(directories=True)
    return _Value(flag.choices, files=flag.kind == "path" or flag.metavar in {"PATH", "FILE", "PATTERN"})


def _names(flag: Flag) -> tuple[str, ...]:
    return (flag.name, *flag.aliases)


def _list_offered() -> list[Flag]:
    """Return the flags that are offered: none that is deprecated."""
    return [flag for flag in FLAGS if not flag.deprecated]


def format_bash() -> str:
    """Return the completion for bash."""
    offered = _list_offered()
    kinds: dict[_Value, list[str]] = {}
    for flag in offered:
        kinds.setdefault(_find_value(flag), []).extend(f"-{name}" for name in _names(flag))
    cases = "\n".join(
        f"        {'|'.join(names)})\n            {_complete_in_bash(value)}\n            ;;"
        for value, names in kinds.items()
    )
    bare = "|".join(f"-{name}" for flag in offered if flag.kind in _BARE for name in _names(flag))
    names = " ".join(name for flag in offered for name in _names(flag))
    return _BASH.format(command=COMMAND, bare=bare, cases=cases, names=names)


def _complete_in_bash(value: _Value) -> str:
    if value.words:
        action = f"-W '{' '.join(value.words)}'"
    elif value.directories:
        action = "-d"
    elif value.files:
        action = "-f"
    else:
        return ":"
    names = "compopt -o filenames 2>/dev/null; " if value.files or value.directories else ""
    return f'{names}mapfile -t COMPREPLY < <(compgen {action} -- "$current")'


def format_zsh() -> str:
    """Return the completion for zsh."""
    specs = [f"    '{_describe_for_zsh(flag, name)}'" for flag in _list_offered() for name in _names(flag)]
    return _ZSH.format(command=COMMAND, specs=" \\\n".join(specs))


def _describe_for_zsh(flag: Flag, name: str) -> str:
    help_ = flag.help.replace("'", "'\\''").replace("[", "\\[").replace("]", "\\]").replace(":", "\\:")
    if flag.final:
        return f"(- *)-{name}[{help_}]"
    value = _find_value(flag)
    if value.words:
        action = f"({' '.join(value.words)})"
    elif value.directories:
        action = "_files -/"
    else:
        action = "_files" if value.files else ""
    label = name_value(flag) or "VALUE"
    if flag.kind in _BARE:
        return f"-{name}=-[{help_}]::{label}:{action}"
    return f"{'*' * flag.repeatable}-{name}[{help_}]:{label}:{action}"


def format_fish() -> str:
    """Return the completion for fish."""
    specs = "\n".join(line for flag in _list_offered() for line in _describe_for_fish(flag))
    return _FISH.format(command=COMMAND, specs=specs)


def _describe_for_fish(flag: Flag) -> list[str]:
    help_ = flag.help.replace("\\", "\\\\").replace("'", "\\'")
    value = _find_value(flag)
    takes = ""
    if flag.kind not in _BARE:
        takes = " -r -F" if value.files else " -x"
        if value.directories:
            takes += " -a '(__fish_complete_directories)'"
        elif value.words:
            takes += f" -a '{' '.join(value.words)}'"
    begins = f"complete -c {COMMAND} -n 'not contains -- -- (commandline -opc)'"
    return [f"{begins} -o {name}{takes} -d '{help_}'" for name in _names(flag)]


def list_completions() -> Sequence[tuple[str, str]]:
    """Return the path of each file in `share/`, and its text."""
    return (
        (f"bash-completion/completions/{COMMAND}", format_bash()),
        (f"zsh/site-functions/_{COMMAND}", format_zsh()),
        (f"fish/vendor_completions.d/{COMMAND}.fish", format_fish()),
    )
