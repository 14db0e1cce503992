"""The built site over http, for this machine only."""

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

from smartrocket.errors import InputError
from smartrocket.files import ROOT


def serve_site(port: int, host: str = "127.0.0.1") -> None:
    """Serve `_site/` until interrupted, on the loopback address or another. Raises InputError when there is no site."""
    site = ROOT / "_site"
    if not (site / "index.html").is_file():
        raise InputError("_site/ holds no report yet: build it with `make report`.")
    handler = partial(SimpleHTTPRequestHandler, directory=str(site))
    try:
        server = ThreadingHTTPServer((host, port), handler)
    except (OSError, OverflowError) as error:
        raise InputError(f"port {port} of {host} cannot be used ({error}): make serve PORT=<another one>.") from error
    print(f"The report is at http://{host}:{port}/ (stop with Ctrl-C)", flush=True)
    with server:
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print("stopped")
