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
        -logs-url 'drain to post to; default $LOGS_URL, then $LOGPLEX_URL (deprecated)' \
        -logs-url-file 'read the URL from this file; read it again after a 401 if it has changed' \
        -bearer-token 'send this bearer token instead of the URL\'s user:password' \
        -bearer-token-file 'read the bearer token from this file; read it again after a 401 if it has changed' \
        -drain-token 'value of the header Logplex-Drain-Token; default the appname' \
        -ca-file 'PEM certificates to trust instead of the system\'s' \
        -client-cert 'PEM certificate to present to the drain' \
        -client-key 'private key of the certificate, if in a file of its own' \
        -skip-verify 'trust any certificate' \
        -gzip 'compress requests' \
        -kinesis-shards 'number of partition keys to spread Kinesis records over' \
        -aws-create 'create the CloudWatch Logs group and stream if they are missing' \
        -aws-endpoint 'URL of the AWS service; default $AWS_ENDPOINT_URL_KINESIS, _CLOUDWATCH_LOGS or $AWS_ENDPOINT_URL' \
        -input-format 'raw (log-shuttle frames each line), rfc5424 (lines are frames) or lprfc5424 (frames after their length)' \
        -max-line-length 'split raw lines longer than this' \
        -file 'follow this file, or a pattern such as \'/var/log/*.log\', instead of stdin; repeatable' \
        -follow-links 'follow symbolic links that are found in directories, whoever owns them' \
        -follow 'wait for more at the end of files; -follow=false delivers them and exits' \
        -from 'where to begin in existing files without a checkpoint: beginning or end (default end, with -follow=false the beginning)' \
        -state-dir 'keep checkpoints in this directory: how far each file was delivered' \
        -partial-timeout 'send a last line without a newline after this long' \
        -tee 'also copy the input to stdout, unchanged; with -split-stderr, stderr to stderr' \
        -split-stderr 'read the application\'s stderr separately, for -stderr-prival; the order of the two is lost' \
        -stderr-prival 'priority of lines from stderr' \
        -batch-size 'maximum lines in a batch' \
        -batch-bytes 'maximum bytes in a batch' \
        -wait 'send a batch this long after its first line, full or not' \
        -back-bytes 'maximum bytes held; lines beyond that are dropped' \
        -back-buff 'maximum batches held (Go: 50; here only -back-bytes unless given)' \
        -drop 'drop lines when the queue is full; -drop=false blocks the application instead' \
        -patience 'before dropping, stop reading for up to this long' \
        -spool 'keep batches in this directory, so that a crash or a dead drain loses none of them' \
        -spool-bytes 'maximum size of the spool; lines beyond that are dropped, or wait with -drop=false' \
        -num-outlets 'maximum requests at a time' \
        -timeout 'time limit of a request; 0: none' \
        -max-attempts 'maximum attempts of a batch (Go: 3; here only -max-age unless given)' \
        -max-age 'retry a batch until it is this old (default 5m; no limit with -file or -spool)' \
        -land-timeout 'at the end of input, give up after this long without progress; after a signal, after this long' \
        -prival 'priority, 8 * facility + severity' \
        -syslog-version 'syslog version' \
        -hostname 'host name' \
        -appname 'application name' \
        -logplex-token 'the same as -appname' \
        -procid 'process name or id' \
        -msgid 'message id, optionally a space and structured data' \
        -stats-interval 'print statistics on stdout at this interval; 0: never' \
        -stats-source 'source name in the statistics' \
        -stats-format 'format of the statistics: go or l2met' \
        -stats-addr 'serve metrics, health and a page there, over HTTP; 9100 and :9100 are 127.0.0.1:9100' \
        -log-format 'logfmt or json, for log-shuttle\'s own log' \
        -verbose 'log each attempt, and the ledger at exit' \
        -log-to-syslog 'log to syslog instead of stderr' \
        -check 'check the configuration line by line, and exit; -check=offline stops before the network' \
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
