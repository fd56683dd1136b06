"""A certificate that nobody trusts, for the drain of the TLS scenario."""

from pathlib import Path

import trustme


def write_certificate(path: Path) -> None:
    """Write a certificate of 127.0.0.1 and its key to `path`, in PEM."""
    issued = trustme.CA().issue_cert("127.0.0.1", common_name="127.0.0.1")
    issued.private_key_and_cert_chain_pem.write_to_path(str(path))
