"""One server for any number of venues, told apart by path: `http://127.0.0.1:PORT/NAME/scheme/host/path`."""

from __future__ import annotations

from aiohttp import web

from tests.venues.wire import Venue


class Loopback:
    """Serves venues on a port of this machine. `mount` says where one is to be found."""

    def __init__(self) -> None:
        self._venues: dict[str, Venue] = {}
        self._runner: web.ServerRunner | None = None
        self.port = 0

    async def open(self) -> Loopback:
        self._runner = web.ServerRunner(web.Server(self._serve), shutdown_timeout=0.01)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def mount(self, venue: Venue) -> str:
        """The address a client puts before `/scheme/host/path` of the venue's own."""
        name = f"{venue.id}-{len(self._venues) + 1}"
        self._venues[name] = venue
        venue.address = f"http://127.0.0.1:{self.port}/{name}"
        return venue.address

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        name, _scheme, _host, rest = [*request.path.lstrip("/").split("/", 3), "", "", ""][:4]
        venue = self._venues.get(name)
        if venue is None:
            return web.Response(status=404, text=f"there is no venue {name} here")
        return await venue.serve(request, f"/{rest}")


def rewritten(addresses: object, address: str) -> object:
    """A library's table of addresses with every `scheme://host/path` below the loopback's."""
    if isinstance(addresses, dict):
        return {key: rewritten(value, address) for key, value in addresses.items()}
    if isinstance(addresses, str) and "://" in addresses:
        scheme, rest = addresses.split("://", 1)
        base = address.replace("http", "ws", 1) if scheme.startswith("ws") else address
        return f"{base}/{scheme}/{rest}"
    return addresses
