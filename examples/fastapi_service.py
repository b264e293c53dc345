"""A web service in front of a Pie server. It answers again by itself after that server restarts.

pip install 'fastapi>=0.118' uvicorn
PIE_URI=ws://127.0.0.1:8080 uvicorn --app-dir examples fastapi_service:app --timeout-graceful-shutdown 5

curl -i localhost:8000/health                      # 200, or 503 with the reason
curl "localhost:8000/count?to=3"
curl -N "localhost:8000/count/stream?to=3"            # as it is printed

All requests share one client, and each has a process of its own, which ends with the request: also when the browser goes
away. While the Pie server is away, requests fail at once, so that they do not pile up. docs/fastapi.md explains the parts.
"""

import asyncio
import contextlib
import json
import math
import os
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Annotated, Literal

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, Field

from pie_client import (
    DeadlineError,
    NotConnectedError,
    PieClient,
    PieConnectionError,
    PieError,
    Process,
    Reconnect,
    ServerBusyError,
    StdoutEvent,
)

PIE_URI = os.environ.get("PIE_URI", "ws://127.0.0.1:8080")
PROGRAM = os.environ.get("PIE_PROGRAM", "count@1.0.0")
"""The program: one of the embedded engine, which prints the numbers up to its input."""
LAUNCH_SECONDS, RESULT_SECONDS, HEALTH_SECONDS = 10, 60, 2
"""Deadlines: of a launch, of a result, and of the ping of a health check."""


class Count(BaseModel):
    """A request."""

    to: int = Field(ge=0, le=1000)


class Answer(BaseModel):
    """The result of a program."""

    result: int


class Health(BaseModel):
    """Whether the service can answer."""

    status: Literal["ok", "unavailable"]
    reason: str


@contextlib.asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
    """Keep one client while the service runs. It starts without the Pie server, and never gives up."""
    policy = Reconnect(attempts=2**31, total_time=math.inf, max_delay=2)
    client = PieClient(PIE_URI, timeout=LAUNCH_SECONDS, reconnect=policy)
    app.state.client = client
    connecting = asyncio.create_task(client.connect())
    try:
        yield
    finally:
        connecting.cancel()
        await asyncio.gather(connecting, return_exceptions=True)
        await client.close()


app = FastAPI(title="Count", lifespan=lifespan)


def the_client(request: Request) -> PieClient:
    """Return the client of the service."""
    client: PieClient = request.app.state.client
    return client


Client = Annotated[PieClient, Depends(the_client)]


async def launched(count: Annotated[Count, Query()], client: Client) -> AsyncIterator[Process]:
    """Launch the program for a request, and terminate it at the end of the request, if it still runs."""
    if not client.connected:
        raise NotConnectedError(str(client.state))
    async with await client.launch_process(PROGRAM, count.to, terminate_on_exit=True) as process:
        yield process


Launched = Annotated[Process, Depends(launched)]


@app.get("/health", responses={503: {"model": Health}})
async def health(client: Client, response: Response) -> Health:
    """Return whether the Pie server answers, for a load balancer or an orchestrator."""
    reason = str(client.state)
    if client.connected:
        try:
            await client.ping(timeout=HEALTH_SECONDS)
        except PieError as error:
            reason = str(error)
        else:
            return Health(status="ok", reason=str(client.state))
    response.status_code = 503
    return Health(status="unavailable", reason=reason)


@app.get("/count")
async def count(process: Launched) -> Answer:
    """Run the program and return its result."""
    return Answer(result=await process.result(int, timeout=RESULT_SECONDS))


@app.get("/count/stream")
async def stream(process: Launched) -> StreamingResponse:
    """Run the program and return what it prints as server-sent events, then its result or its error."""
    return StreamingResponse(events(process), media_type="text/event-stream")


async def events(process: Process) -> AsyncIterator[str]:
    """Yield the events of a process as server-sent events."""
    try:
        async with asyncio.timeout(RESULT_SECONDS):
            async for event in process:
                if isinstance(event, StdoutEvent):
                    yield f"data: {json.dumps(event.value)}\n\n"
            yield f"event: result\ndata: {await process.result(int)}\n\n"
    except (PieError, TimeoutError) as error:  # the status was sent with the first byte
        yield f"event: failed\ndata: {json.dumps(str(error) or 'too slow')}\n\n"


STATUS_OF: dict[type[PieError], int] = {
    PieConnectionError: 503,
    ServerBusyError: 503,
    DeadlineError: 504,
    PieError: 502,
}
"""HTTP statuses: of a server that is away or busy, one that is slow, and one that refuses or whose program fails."""


async def refuse(request: Request, error: Exception) -> JSONResponse:
    """Answer a request whose Pie server did not do its part."""
    status = next(code for kind, code in STATUS_OF.items() if isinstance(error, kind))
    headers = {"Retry-After": "1"} if status == 503 else None
    return JSONResponse({"detail": str(error)}, status, headers)


app.add_exception_handler(PieError, refuse)
