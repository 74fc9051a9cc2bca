"""The server as a browser meets it."""

import http.client
import time

from studio_server import Server


def test_an_answer_is_sent_at_once(server: Server) -> None:
    connection = http.client.HTTPConnection(server.address.removeprefix("http://"))
    took = []
    for _ in range(25):  # the first are acknowledged at once in any case
        begun = time.perf_counter()
        connection.request("GET", "/static/icon.svg")
        connection.getresponse().read()
        took.append(time.perf_counter() - begun)
    assert min(took[15:]) < 0.03, "its body waits until its head is confirmed"
