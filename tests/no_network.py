"""The network taken away, and what was asked of it all the same."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch


@contextmanager
def blocked() -> Iterator[list[str]]:
    """Refuse every connection, name and message in the block; yield what was asked for, which libraries may have kept quiet about."""
    asked: list[str] = []

    def refuse(name: str) -> Callable[..., Any]:
        def called(*given: Any, **_: Any) -> None:
            asked.append(f"{name} {given[-1:]}")
            raise OSError("the network is blocked")

        return called

    places = [(socket.socket, name) for name in ("connect", "connect_ex", "sendto", "bind")]
    names = ("getaddrinfo", "gethostbyname", "create_connection")
    patches = [patch.object(owner, name, refuse(name)) for owner, name in (*places, *((socket, name) for name in names))]
    for each in patches:
        each.start()
    try:
        yield asked
    finally:
        for each in patches:
            each.stop()
