"""`flawsmith studio [FOLDER]`."""

from pathlib import Path

import click

from flawsmith.cli import options
from flawsmith.core.errors import ConfigError


@click.command()
@click.argument("folder", type=options.path, required=False)
@click.option("--home", type=options.path, metavar="DIR", help="Where projects are kept.  [default: ~/flawsmith-studio]")
@click.option("--host", default="127.0.0.1", show_default=True, metavar="NAME", help="Where to listen; elsewhere a token is asked.")
@click.option("--port", type=click.IntRange(0, 65535), default=8765, show_default=True, metavar="P", help="0 = a free one.")
@click.option("--allow-host", "names", multiple=True, metavar="NAME", help="Another name that browsers call it by; may be repeated.")
@click.option("--token/--no-token", default=None, help="Ask for a token, or for none.  [default: none on this machine alone]")
@click.option("--jobs", "at_once", type=click.IntRange(min=1), default=1, show_default=True, metavar="N", help="Fits at a time.")
@click.option("--no-browser", is_flag=True, help="Open no page; print the address alone.")
def studio(
    folder: Path | None,
    home: Path | None,
    host: str,
    port: int,
    names: tuple[str, ...],
    token: bool | None,
    at_once: int,
    no_browser: bool,
) -> None:
    """The whole job in a browser: look at data, label, fit, generate, review, export.

    FOLDER is a data folder, whose project lies beside it as FOLDER.studio, or a project. Without it the page of all projects opens.
    """
    try:
        import fastapi  # noqa: F401
        import python_multipart  # noqa: F401
        import uvicorn  # noqa: F401
    except ModuleNotFoundError as error:
        raise ConfigError(f"The studio needs {error.name}, which is not installed: pip install 'flawsmith[studio]'.") from None
    from flawsmith.studio.home import usual_home
    from flawsmith.studio.serving import serve

    serve(home or usual_home(), folder, host, port, not no_browser, token, names, at_once)
