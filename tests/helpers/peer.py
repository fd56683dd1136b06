"""A peer for the harness, as small as can be: `honest`, or with one fault that its name tells."""

import gzip
import http.client
import sys
from urllib.parse import urlsplit

BAD = 7  # the line that the fault is about


def main(fault: str, argv: list[str]) -> int:
    if "-version" in argv:
        return 0
    if fault == "refuses":
        sys.stderr.write("no such flag: -batch-size\n")
        return 2
    url = urlsplit(argv[argv.index("-logs-url") + 1])
    lines = sys.stdin.buffer.readlines()
    if fault == "repeats":
        lines[BAD + 1] = lines[BAD]
    if fault == "changes":
        lines[BAD] = lines[BAD][:-2] + b"\0\n"
    frames = [b"<190>1 - - - - - - " + line for line in lines]
    body = b"".join(b"%d %b" % (len(frame), frame) for frame in frames)
    headers = {"Logplex-Msg-Count": str(len(frames))}
    if "-gzip" in argv:
        body, headers["Content-Encoding"] = gzip.compress(body), "gzip"
    connection = http.client.HTTPConnection(url.hostname or "", url.port)
    connection.request("POST", "/", body, headers)
    return connection.getresponse().status != http.client.NO_CONTENT


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
