"""Completion for zsh, whose `_arguments` knows `-x v` and `-x=v`. It gets each `--x` as -x."""

from shuttle.command.completions.offer import Program, find_offer, is_bare
from shuttle.command.flags import Flag, name_value

_SCRIPT = """\
#compdef {name}
# zsh completion for {name}. Made by `make reference`, not by hand.

local place
for ((place = 2; place <= CURRENT; place++)); do
    [[ $words[place] == -- ]] && break
    if [[ $words[place] == --* ]]; then
        words[place]=${{words[place]#-}}
        ((place == CURRENT)) && compset -p 1
    fi
done
_arguments \\
{specs}
"""
_APPLICATION = "(-)--[the application to run]:*:::application:_normal"


def format_zsh(program: Program) -> str:
    """Return the completion of `program` for zsh."""
    specs = [_describe(flag, name) for name, flag in program.list_offered()]
    specs += [_APPLICATION] if program.wraps else []
    return _SCRIPT.format(name=program.name, specs=" \\\n".join(f"    '{spec}'" for spec in specs))


def _describe(flag: Flag, name: str) -> str:
    help_ = _escape(flag.help)
    if flag.final:
        return f"(- *)-{name}[{help_}]"
    offer = find_offer(flag)
    if offer.words:
        action = f"({' '.join(offer.words)})"
    elif offer.directories:
        action = "_path_files -/"
    else:
        action = "_files" if offer.files else ""
    label = _escape(name_value(flag)) or "VALUE"
    if is_bare(flag):
        return f"-{name}=-[{help_}]::{label}:{action}"
    return f"{'*' * flag.repeatable}-{name}=[{help_}]:{label}:{action}"


def _escape(text: str) -> str:
    return text.replace("'", "'\\''").replace("[", "\\[").replace("]", "\\]").replace(":", "\\:")
