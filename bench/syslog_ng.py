"""syslog-ng as a peer: takes log-shuttle's flags, writes a configuration and becomes syslog-ng.

It is measured wherever it is installed (Debian: syslog-ng-core and syslog-ng-mod-http). Its frames have no length in
front, which the drain puts up with. Its queue is as long as -back-buff batches, and -drop=false is its flow control.
The start of Python counts as its own: 20 ms, and a peak RSS below which it cannot be.
"""

import os
import re
import sys
import tempfile
from typing import NoReturn
from urllib.parse import urlsplit

PROGRAM = "/usr/sbin/syslog-ng"
_DEFAULTS = {
    "-batch-size": "500",
    "-wait": "250ms",
    "-back-buff": "50",
    "-num-outlets": "4",
    "-drop": "true",
    "-gzip": "false",
    "-skip-verify": "false",
    "-version": "false",
}
_BOOLEANS = {name for name, value in _DEFAULTS.items() if value in ("true", "false")}
_UNITS = {"ms": 1, "s": 1000}
_CONFIGURATION = r"""@version: current
options {{
    stats-freq(0); frac-digits(6); time-zone("+00:00"); ts-format(iso); use-dns(no); flush-lines(1000);
    log-fifo-size({fifo}); log-msg-size(65536);
}};
source s_stdin {{ stdin(flags(no-parse) log-iw-size({window}) log-fetch-limit(1000)); }};
destination d_http {{
    http(
        url("{url}") method("POST") user("{user}") password("{password}")
        headers("Content-Type: application/logplex-1")
        body("<190>1 ${{ISODATE}} shuttle token shuttle - - ${{MESSAGE}}\n") delimiter("")
        batch-lines({lines}) batch-bytes(1048576) batch-timeout({wait}) workers({workers}) timeout(5)
        {more}
    );
}};
log {{ source(s_stdin); destination(d_http); {flow} }};
"""


def read_flags(argv: list[str]) -> dict[str, str]:
    flags = dict(_DEFAULTS)
    words = iter(argv)
    for word in words:
        name, equals, value = word.partition("=")
        if name not in flags and name != "-logs-url":
            stop(f"bench.syslog_ng: {name}: syslog-ng has nothing like it")
        flags[name] = value if equals else "true" if name in _BOOLEANS else next(words, "")
    return flags


def make_configuration(flags: dict[str, str]) -> str:
    url = urlsplit(flags["-logs-url"])
    size = int(flags["-batch-size"])
    fifo = size * int(flags["-back-buff"])
    number, unit = re.fullmatch(r"(\d+)(m?s)", flags["-wait"]).groups()  # type: ignore[union-attr]
    more = ['content-compression("gzip")'] if flags["-gzip"] == "true" else []
    more += ["tls(peer-verify(no))"] if flags["-skip-verify"] == "true" else []
    return _CONFIGURATION.format(
        url=url._replace(netloc=f"{url.hostname}:{url.port}").geturl(),
        user=url.username,
        password=url.password,
        fifo=fifo,
        window=min(fifo, 10_000),
        lines=size,
        wait=int(number) * _UNITS[unit],
        workers=flags["-num-outlets"],
        more=" ".join(more),
        flow="flags(flow-control);" if flags["-drop"] == "false" else "",
    )


def stop(message: str) -> NoReturn:
    print(message, file=sys.stderr)
    sys.exit(2)


def main(argv: list[str]) -> None:
    flags = read_flags(argv)
    if flags["-version"] == "true":
        os.execv(PROGRAM, [PROGRAM, "--version"])
    directory = tempfile.mkdtemp(prefix="syslog-ng-")
    places = {name: f"{directory}/{name}" for name in ("cfgfile", "persist-file", "pidfile", "control")}
    with open(places["cfgfile"], "w", encoding="utf-8") as file:  # noqa: PTH123  # pathlib is not worth its import here
        file.write(make_configuration(flags))
    command = [PROGRAM, "-F", "--no-caps", "--stderr", *(f"--{name}={path}" for name, path in places.items())]
    if flags["-gzip"] == "true" and os.spawnv(os.P_WAIT, PROGRAM, [*command, "--syntax-only"]):
        stop("this syslog-ng cannot compress")
    os.execv(PROGRAM, command)


if __name__ == "__main__":
    main(sys.argv[1:])
