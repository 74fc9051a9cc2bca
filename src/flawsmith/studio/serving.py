"""The server: a port, the address that is printed, the browser that is opened."""

import socket
import threading
import webbrowser
from pathlib import Path

from flawsmith.core.errors import ConfigError
from flawsmith.studio.security import access_for


def serve(
    home: Path,
    folder: Path | None,
    host: str = "127.0.0.1",
    port: int = 8765,
    browser: bool = True,
    token: bool | None = None,
    names: tuple[str, ...] = (),
    at_once: int = 1,
) -> None:
    """Serve the studio until Ctrl-C or SIGTERM; jobs that run go on.

    home: where projects are kept; folder: a project or a data folder to begin with; port: 0 = a free one; browser: opens a page; token,
    names: see `access_for`; at_once: heavy jobs at a time. Raises ConfigError where the address cannot be listened on, DataError for a
    folder that cannot be opened.
    """
    import uvicorn

    from flawsmith.studio.app import make_app

    access = access_for(host, token, names)
    app = make_app(home, access, at_once)
    where = "/" if folder is None else f"/p/{app.state.studio.home.open(folder).key}/data"
    listening = _listen(host, port)
    shown = f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{listening.getsockname()[1]}{where}" + (f"?token={access.token}" if access.token else "")
    print(f"The studio is at {address}\nStop it with Ctrl-C; jobs that run go on.", flush=True)
    if browser:
        threading.Timer(0.5, webbrowser.open, [address]).start()
    # what listens is given, so that the address can be printed before; a page that is left open holds up no end
    config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=3)
    uvicorn.Server(config).run([listening])


def _listen(host: str, port: int) -> socket.socket:
    # TCP by name: only then asyncio sends each answer at once; else its body waits some 40 ms for the browser to confirm its head
    found = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((host, port))
        found.listen()  # from now on: who follows the address at once waits until it is answered
    except (OSError, OverflowError) as error:
        found.close()
        told = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigError(
            f"{host}:{port}: cannot be listened on ({told}); another studio may run there. Name a free port: --port 0."
        ) from None
    return found
