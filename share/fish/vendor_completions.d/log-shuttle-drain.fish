# fish completion for log-shuttle-drain. Made by `make reference`, not by hand.

# Prints the flag whose value the current word is, or nothing. Behind a -- it prints that, and the words behind it.
function __log_shuttle_drain_flag
    set -l words (commandline -opc)
    set -l flag ''
    while set -q words[2]
        set -e words[1]
        if test -n "$flag" # the word is its value
            set flag ''
        else if contains -- (string replace -r -- '^--' - $words[1]) -port -cert -key -auth -bearer -max-body -status -retry-after -delay -times
            set flag (string replace -r -- '^--' - $words[1])
        end
    end
    echo $flag
end

# Prints what the current word may become.
function __log_shuttle_drain_offer
    set -l flag (__log_shuttle_drain_flag)
    set -l lead ''
    set -l value (commandline -ct)
    if test -z "$flag"
        if not string match -q -- '-*=*' $value
            set -l dash (string match -r -- '^-(?=-)|^' $value)-
            string match -q -- '-*' $value-
            and __log_shuttle_drain_names | string replace -- - $dash
            return
        end
        set lead (string match -r -- '^[^=]*=' $value)
        set flag (string replace -r -- '^--' - $lead | string trim -r -c =)
        set value (string replace -r -- '^[^=]*=' '' $value)
    end
    switch $flag
        case -cert -key
            __log_shuttle_drain_files "$lead" "$value"
        case -close -reset -quiet -h -help -version -V
            string join \n -- true false
    end | string replace -r -- '^' $lead
end

# Prints each flag and what it is for.
function __log_shuttle_drain_names
    printf '%s\t%s\n' \
        -port 'port on 127.0.0.1; 0: any free one' \
        -cert 'PEM certificate: speak HTTPS' \
        -key 'its private key, if it stands in a file of its own' \
        -auth 'let this user in; by default, anyone' \
        -bearer 'let this bearer token in' \
        -max-body 'answer 413 to a larger body (logplex: 500 above 8 MB)' \
        -status 'answer this status and take nothing' \
        -retry-after 'add Retry-After to the answer of -status' \
        -delay 'wait before every answer' \
        -close 'read the request, then close the connection without an answer' \
        -reset 'the same with a TCP reset' \
        -times 'simulate failures only in the first N requests; 0: in all' \
        -quiet 'do not print the messages' \
        -h 'print this and exit' \
        -help 'print this and exit' \
        -version 'print the version and exit' \
        -V 'print the version and exit'
end

# Prints the files that begin as the value behind a = does.
function __log_shuttle_drain_files
    test -n "$argv[1]"; and complete -C "nonexistentcommandooheehoohaahaahdingdongwallawallabingbang $argv[2]"
end

# Says whether the current word is a file. fish itself knows best which ones there are.
function __log_shuttle_drain_is_file
    contains -- (__log_shuttle_drain_flag)[1] -cert -key
end

complete -c log-shuttle-drain -f -a '(__log_shuttle_drain_offer)'
complete -c log-shuttle-drain -n __log_shuttle_drain_is_file -F
