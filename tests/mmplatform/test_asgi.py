from __future__ import annotations

import pytest
from asgiref.testing import ApplicationCommunicator

from mmplatform.asgi import application


@pytest.mark.parametrize("origin", [None, b"https://evil.example", b"null"])
async def test_a_socket_opened_by_another_site_is_refused(db: None, origin: bytes | None) -> None:
    """A browser sends our cookie along wherever the page came from; only the origin tells them apart."""
    headers = [(b"host", b"localhost:8000"), *([(b"origin", origin)] if origin else [])]
    scope = {"type": "websocket", "path": "/ws/desk/", "headers": headers, "subprotocols": []}
    communicator = ApplicationCommunicator(application, scope)
    await communicator.send_input({"type": "websocket.connect"})
    assert (await communicator.receive_output(timeout=5))["type"] == "websocket.close"
