"""Completion for bash.

bash cuts the words of a command line at `=` and `:`, too, and puts what is offered in the place of the last piece. So
the function puts the pieces together again, and takes from what it offers what stands in front of the last piece. It
needs neither the package bash-completion nor anything else.
"""

from shuttle.command.completions.offer import Offer, Program

_SCRIPT = """\
# bash completion for {name}. Made by `make reference`, not by hand.

{function}() {{
    # The words as they were typed, and where each begins in COMP_WORDS.
    local line=${{COMP_LINE:0:COMP_POINT}} words=() begins=() piece=$2 rest place
    line=${{COMP_WORDS[0]}}${{line#*"${{COMP_WORDS[0]}}"}}
    for ((place = 0; place <= COMP_CWORD; place++)); do
        rest=${{line#"${{line%%[![:space:]]*}}"}}
        if [[ $place == 0 || $rest != "$line" ]]; then
            words+=('') begins+=("$place")
        fi
        line=${{rest:${{#COMP_WORDS[place]}}}}
        ((place == COMP_CWORD)) || rest=${{COMP_WORDS[place]}}
        words[${{#words[@]}} - 1]+=$rest
    done
    [[ $piece == [=:] ]] && piece=

    local flag= word last=$((${{#words[@]}} - 1)) dash=-
    for ((place = 1; place < last; place++)); do
        word=${{words[place]}}
        if [[ $flag ]]; then # the word is its value
            flag=
            continue
        fi
        case ${{word/#--/-}} in
{application}            {taking}) flag=$word ;;
        esac
    done
    local current=${{words[last]}} value=${{words[last]}}
    if [[ ! $flag && $current == -*=* ]]; then
        flag=${{current%%=*}} value=${{current#*=}}
    fi

    # In front of the piece stands what is there already: more than what is in front of the value, or less.
    local head=${{current%"$piece"}} front=${{current%"$value"}} lead= missing=
    if [[ $head == "$front"* ]]; then
        lead=${{head#"$front"}}
    else
        missing=${{front#"$head"}}
    fi
    COMPREPLY=()
    if [[ $flag ]]; then
        case ${{flag/#--/-}} in
{cases}
        esac
    elif [[ ! $current || $current == -* ]]; then
        [[ $current == --* ]] && dash=--
        mapfile -t COMPREPLY < <(compgen -P "$dash" -W '{names}' -- "${{current#"$dash"}}")
    fi
}}
{helpers}
complete -F {function} {name}
"""

_APPLICATION = """\
            -)
                if [[ $word == -- ]]; then
                    {function}_application $((begins[place] + 1))
                    return
                fi
                ;;
"""

_WORDS = """\

# Offers those words for the value that begin as it does.
{function}_words() {{
    mapfile -t COMPREPLY < <(compgen -W "$1" -- "$value")
    COMPREPLY=("${{COMPREPLY[@]#"$lead"}}")
    COMPREPLY=("${{COMPREPLY[@]/#/$missing}}")
}}
"""

_PATHS = """\

# Offers files, or directories alone. Where the last piece is the whole value, bash itself does it best.
{function}_paths() {{
    local path place
    if [[ ! $missing && ( ! $lead || $lead == [\\'\\"] ) ]]; then
        compopt -o "$2"
        return
    fi
    mapfile -t COMPREPLY < <(compgen "$1" -- "${{value//\\\\/}}")
    for place in "${{!COMPREPLY[@]}}"; do
        path=${{COMPREPLY[place]}}
        printf -v "COMPREPLY[place]" %q "${{path#"${{lead//\\\\/}}"}}"
        COMPREPLY[place]=$missing${{COMPREPLY[place]}}
        if [[ -d $path ]]; then
            COMPREPLY[place]+=/
            compopt -o nospace
        fi
    done
}}
"""

_BEHIND = """\

# Completes an application and its arguments, which begin at this one of COMP_WORDS.
{function}_application() {{
    local word=${{COMP_WORDS[COMP_CWORD]}}
    if declare -F _comp_command_offset >/dev/null; then
        _comp_command_offset "$1"
    elif declare -F _command_offset >/dev/null; then
        _command_offset "$1"
    elif ((COMP_CWORD > $1)); then
        compopt -o default
    else
        [[ $word == */* ]] && compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -c -- "$word")
    fi
}}
"""


def format_bash(program: Program) -> str:
    """Return the completion of `program` for bash."""
    function = program.function
    groups = program.group_by_value()
    known = {offer: names for offer, names in groups.items() if any(offer)}
    helpers = [_WORDS] if any(offer.words for offer in known) else []
    helpers += [_PATHS] if any(offer.files or offer.directories for offer in known) else []
    helpers += [_BEHIND] if program.wraps else []
    return _SCRIPT.format(
        name=program.name,
        function=function,
        application=_APPLICATION.format(function=function) if program.wraps else "",
        taking=_match(program.list_taking()),
        cases="\n".join(
            f"            {_match(names)}) {_complete(offer, function)} ;;" for offer, names in known.items()
        ),
        names=" ".join(name for name, _ in program.list_offered()),
        helpers="".join(helper.format(function=function) for helper in helpers),
    )


def _match(names: list[str]) -> str:
    return "|".join(f"-{name}" for name in names)


def _complete(offer: Offer, function: str) -> str:
    if offer.words:
        return f"{function}_words '{' '.join(offer.words)}'"
    return f"{function}_paths -d dirnames" if offer.directories else f"{function}_paths -f default"
