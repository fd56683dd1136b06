# fish completion for log-shuttle. Made by `make reference`, not by hand.

# Prints the flag whose value the current word is, or nothing. Behind a -- it prints that, and the words behind it.
function __log_shuttle_flag
    set -l words (commandline -opc)
    set -l flag ''
    while set -q words[2]
        set -e words[1]
        if test -n "$flag" # the word is its value
            set flag ''
        else if test "$words[1]" = --
            string join \n -- $words
            return
        else if contains -- (string replace -r -- '^--' - $words[1]) -logs-url -logs-url-file -bearer-token -bearer-token-file -drain-token -ca-file -client-cert -client-key -kinesis-shards -aws-endpoint -input-format -max-line-length -file -from -state-dir -partial-timeout -stderr-prival -batch-size -batch-bytes -wait -back-bytes -back-buff -patience -spool -spool-bytes -num-outlets -timeout -max-attempts -max-age -land-timeout -prival -syslog-version -hostname -appname -logplex-token -procid -msgid -stats-interval -stats-source -stats-format -stats-addr -log-format -front-buff -num-batchers
            set flag (string replace -r -- '^--' - $words[1])
        end
    end
    echo $flag
end

# Prints what the current word may become.
function __log_shuttle_offer
    set -l flag (__log_shuttle_flag)
    set -l lead ''
    set -l value (commandline -ct)
    if test "$flag[1]" = --
        set -l line (string join ' ' -- (string escape -- $flag) "$value" | string replace -r -- '^-- ' '')
        complete -C "$line"
        return
    end
    if test -z "$flag"
        if not string match -q -- '-*=*' $value
            set -l dash (string match -r -- '^-(?=-)|^' $value)-
            string match -q -- '-*' $value-
            and __log_shuttle_names | string replace -- - $dash
            return
        end
        set lead (string match -r -- '^[^=]*=' $value)
        set flag (string replace -r -- '^--' - $lead | string trim -r -c =)
        set value (string replace -r -- '^[^=]*=' '' $value)
    end
    switch $flag
        case -logs-url-file -bearer-token-file -ca-file -client-cert -client-key -file
            __log_shuttle_files "$lead" "$value"
        case -skip-verify -gzip -aws-create -follow-links -follow -tee -split-stderr -drop -verbose -log-to-syslog -h -help -version -V
            string join \n -- true false
        case -input-format
            string join \n -- raw rfc5424 lprfc5424
        case -from
            string join \n -- beginning end
        case -state-dir -spool
            __fish_complete_directories "$value"
        case -stats-format
            string join \n -- go l2met
        case -log-format
            string join \n -- logfmt json
        case -check
            string join \n -- online offline
    end | string replace -r -- '^' $lead
end

# Prints each flag and what it is for.
function __log_shuttle_names
    printf '%s\t%s\n' \
        -logs-url 'where to post; else $LOGS_URL, else $LOGPLEX_URL (deprecated)' \
        -logs-url-file 'read the URL from this file; again if the drain answers 401, and it has changed' \
        -bearer-token 'authorize as Bearer; wins over the URL\'s user:password' \
        -bearer-token-file 'read the bearer token from this file, likewise' \
        -drain-token 'send this as Logplex-Drain-Token; else the appname' \
        -ca-file 'PEM certificates to trust instead of the system\'s' \
        -client-cert 'PEM certificate to show the drain' \
        -client-key 'its private key, if it stands in a file of its own' \
        -skip-verify 'trust any certificate' \
        -gzip 'compress the requests' \
        -kinesis-shards 'spread the records of a Kinesis stream over so many partition keys' \
        -aws-create 'create a group and stream of CloudWatch Logs that are missing' \
        -aws-endpoint 'where AWS\'s services are reached; else $AWS_ENDPOINT_URL_KINESIS, _CLOUDWATCH_LOGS or $AWS_ENDPOINT_URL' \
        -input-format 'raw (lines, framed here), rfc5424 (framed lines) or lprfc5424 (each frame behind its length)' \
        -max-line-length 'raw lines longer than this are split' \
        -file 'follow this file, or all that match, as \'/var/log/*.log\'; repeatable; stdin is not read then' \
        -follow-links 'follow links that match a pattern or look like rotated files, whoever made them' \
        -follow 'go on at the end of the files; -follow=false delivers them and exits' \
        -from 'where to begin in files that are there at the start and have no checkpoint: beginning or end (end, or with -follow=false the beginning)' \
        -state-dir 'keep checkpoints there: how far each file has been delivered' \
        -partial-timeout 'send a last line without its newline after this long' \
        -tee 'copy what is read to stdout, and -split-stderr\'s to stderr, unchanged' \
        -split-stderr 'read the application\'s stderr apart, to give it -stderr-prival; the order of both is lost' \
        -stderr-prival 'priority of lines from stderr' \
        -batch-size 'most lines in a batch' \
        -batch-bytes 'most bytes in a batch' \
        -wait 'longest time from a batch\'s first line to its flush' \
        -back-bytes 'most bytes held; beyond them lines are dropped' \
        -back-buff 'most batches held (Go: 50; here only -back-bytes unless given)' \
        -drop 'drop when the queue is full; -drop=false blocks the application instead' \
        -patience 'hold the input this long, once a stall, before dropping' \
        -spool 'keep what is held on the disk, there: a crash or a dead drain costs none of it' \
        -spool-bytes 'most bytes of it; beyond them lines are dropped, or wait with -drop=false' \
        -num-outlets 'most requests at a time' \
        -timeout 'for a whole request; 0: none' \
        -max-attempts 'attempts of a batch (Go: 3; here only -max-age unless given)' \
        -max-age 'try a batch until it is this old (5m; no limit for files and with -spool)' \
        -land-timeout 'give up landing: at the end of input after this long without progress, at a signal after this long' \
        -prival 'priority, 8 * facility + severity' \
        -syslog-version 'version' \
        -hostname 'host name' \
        -appname 'application' \
        -logplex-token 'the same as -appname' \
        -procid 'process' \
        -msgid 'message id, and structured data behind a space' \
        -stats-interval 'print statistics on stdout this often; 0: never' \
        -stats-source 'name of the source in the statistics' \
        -stats-format 'go or l2met' \
        -stats-addr 'serve metrics, health and a page there, over HTTP; 9100 and :9100 are 127.0.0.1:9100' \
        -log-format 'logfmt or json, for log-shuttle\'s own log' \
        -verbose 'log each attempt, and the ledger at exit' \
        -log-to-syslog 'log to syslog, not to stderr' \
        -check 'say line by line what works and what does not, and exit; -check=offline stops before the network' \
        -h 'print this and exit' \
        -help 'print this and exit' \
        -version 'print the version and exit' \
        -V 'print the version and exit'
end

# Prints the files that begin as the value behind a = does.
function __log_shuttle_files
    test -n "$argv[1]"; and complete -C "nonexistentcommandooheehoohaahaahdingdongwallawallabingbang $argv[2]"
end

# Says whether the current word is a file. fish itself knows best which ones there are.
function __log_shuttle_is_file
    contains -- (__log_shuttle_flag)[1] -logs-url-file -bearer-token-file -ca-file -client-cert -client-key -file
end

complete -c log-shuttle -f -a '(__log_shuttle_offer)'
complete -c log-shuttle -n __log_shuttle_is_file -F
