"""Whether a server shows a certificate that its client does not trust: no waiting heals that."""

import socket
import ssl
from collections.abc import Mapping
from urllib.parse import urlsplit

SECONDS = 10.0


def distrust(url: str, git: Mapping[str, str]) -> str | None:
    """Why the certificate of the https server of ``url`` is not trusted; None: it is, or nobody
    answers. ``git``: git's variables, which may name authorities."""
    address = urlsplit(url)
    if address.scheme != "https" or address.hostname is None:
        return None
    try:
        context = ssl.create_default_context(
            cafile=git.get("GIT_SSL_CAINFO"), capath=git.get("GIT_SSL_CAPATH")
        )
        place = (address.hostname, address.port or 443)
        with (
            socket.create_connection(place, timeout=SECONDS) as connection,
            context.wrap_socket(connection, server_hostname=address.hostname),
        ):
            return None
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    except OSError:
        return None
