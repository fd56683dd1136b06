"""Completion for fish, by functions of its own: what fish knows of flags is neither `-x=v` nor `--x` for the same."""

from shuttle.command.completions.offer import Offer, Program

_SCRIPT = """\
# fish completion for {name}. Made by `make reference`, not by hand.

# Prints the flag whose value the current word is, or nothing. Behind a -- it prints that, and the words behind it.
function _{function}_flag
    set -l words (commandline -opc)
    set -l flag ''
    while set -q words[2]
        set -e words[1]
        if test -n "$flag" # the word is its value
            set flag ''
{application}        else if contains -- (string replace -r -- '^--' - $words[1]) {taking}
            set flag (string replace -r -- '^--' - $words[1])
        end
    end
    echo $flag
end

# Prints what the current word may become.
function _{function}_offer
    set -l flag (_{function}_flag)
    set -l lead ''
    set -l value (commandline -ct)
{behind}    if test -z "$flag"
        if not string match -q -- '-*=*' $value
            set -l dash (string match -r -- '^-(?=-)|^' $value)-
            string match -q -- '-*' $value-
            and _{function}_names | string replace -- - $dash
            return
        end
        set lead (string match -r -- '^[^=]*=' $value)
        set flag (string replace -r -- '^--' - $lead | string trim -r -c =)
        set value (string replace -r -- '^[^=]*=' '' $value)
    end
    switch $flag
{cases}
    end | string replace -r -- '^' $lead
end

# Prints each flag and what it is for.
function _{function}_names
    printf '%s\\t%s\\n' \\
{names}
end

# Prints the files that begin as the value behind a = does.
function _{function}_files
    test -n "$argv[1]"; and complete -C "nonexistentcommandooheehoohaahaahdingdongwallawallabingbang $argv[2]"
end

# Says whether the current word is a file. fish itself knows best which ones there are.
function _{function}_is_file
    contains -- (_{function}_flag)[1] {files}
end

complete -c {name} -f -a '(_{function}_offer)'
complete -c {name} -n _{function}_is_file -F
"""

_APPLICATION = """\
        else if test "$words[1]" = --
            string join \\n -- $words
            return
"""

_BEHIND = """\
    if test "$flag[1]" = --
        set -l line (string join ' ' -- (string escape -- $flag) "$value" | string replace -r -- '^-- ' '')
        complete -C "$line"
        return
    end
"""


def format_fish(program: Program) -> str:
    """Return the completion of `program` for fish."""
    known = {offer: names for offer, names in program.group_by_value().items() if any(offer)}
    return _SCRIPT.format(
        name=program.name,
        function=program.function,
        application=_APPLICATION if program.wraps else "",
        behind=_BEHIND if program.wraps else "",
        taking=" ".join(f"-{name}" for name in program.list_taking()),
        files=" ".join(f"-{name}" for offer, names in known.items() if offer.files for name in names),
        names=" \\\n".join(f"        -{name} {_quote(flag.help)}" for name, flag in program.list_offered()),
        cases="\n".join(
            f"        case {' '.join(f'-{name}' for name in names)}\n            {_complete(offer, program.function)}"
            for offer, names in known.items()
        ),
    )


def _complete(offer: Offer, function: str) -> str:
    if offer.words:
        return f"string join \\n -- {' '.join(offer.words)}"
    return '__fish_complete_directories "$value"' if offer.directories else f'_{function}_files "$lead" "$value"'


def _quote(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
