"""The published client of the 0.4 family: what it has beside what both have."""

import asyncio
import contextlib
import json
import sys
import urllib.request
import uuid
from pathlib import Path

import python_scenarios
from harness import MOMENT, Place, check, main, refused
from python_scenarios import connection, events_of, expect

from pie_client import Event, ParsedPrivateKey, PieClient


@contextlib.asynccontextmanager
async def stranger(place: Place, engine: str = "uri"):
    """Connect without identification."""
    client = PieClient(place[engine])
    await client.connect()
    try:
        yield client
    finally:
        with contextlib.suppress(Exception):
            await asyncio.wait_for(client.close(), 0.1)


# ------------------------------------------------------------- authentication


async def _authenticates_with(place: Place, kind: str) -> None:
    async with stranger(place) as client:
        await client.authenticate("alice", ParsedPrivateKey.from_file(place[kind]))
        await client.ping()


async def an_ed25519_key_is_taken(place: Place) -> None:
    await _authenticates_with(place, "ed25519")


async def an_rsa_key_is_taken(place: Place) -> None:
    await _authenticates_with(place, "rsa")


async def a_p256_key_is_taken(place: Place) -> None:
    await _authenticates_with(place, "p256")


async def a_p384_key_is_taken(place: Place) -> None:
    await _authenticates_with(place, "p384")


async def another_key_is_refused_and_the_right_one_taken_after_it(place: Place) -> None:
    async with stranger(place) as client:
        wrong = ParsedPrivateKey.parse(Path(place["unknown"]).read_text(encoding="utf-8"))
        await refused(client.authenticate("alice", wrong), "Signature verification failed")
        await client.authenticate("alice", ParsedPrivateKey.from_file(place["ed25519"]))
        await client.ping()


async def an_unknown_user_is_refused(place: Place) -> None:
    async with stranger(place) as client:
        key = ParsedPrivateKey.from_file(place["ed25519"])
        await refused(client.authenticate("mallory", key), "User 'mallory' is not authorized")


async def the_token_is_taken_and_another_refused(place: Place) -> None:
    async with stranger(place) as client:
        await refused(client.auth_by_token("wrong"), "Invalid token")
        await client.auth_by_token(place["token"])
        await client.ping()


async def a_name_is_enough_where_authentication_is_off(place: Place) -> None:
    async with stranger(place, "open_uri") as client:
        await client.authenticate("anybody")
        await client.ping()


async def users_do_not_see_each_others_processes(place: Place) -> None:
    async with stranger(place, "open_uri") as client, stranger(place, "open_uri") as other:
        await client.authenticate("anna")
        await other.authenticate("bert")
        process = await client.launch_process("wait@1.0.0")
        await expect(process, (Event.Message, "waiting"))
        check([one["id"] for one in await client.list_processes()], [process.process_id])
        check(await other.list_processes(), [])
        await refused(other.terminate_process(process.process_id), "Permission denied")
        await process.terminate()


# ------------------------------------------------------------- batches


async def processes_are_launched_as_a_batch(place: Place) -> None:
    async with connection(place) as client:
        inputs = [{"number": number} for number in range(30)]
        processes = await client.launch_processes("echo@1.0.0", inputs, token_budgets=[None, *range(1, 30)])
        ends = [found[-1] for found in await asyncio.gather(*map(events_of, processes))]
        check([json.loads(text) for _, text in ends], inputs)


async def processes_are_run_as_a_batch(place: Place) -> None:
    async with connection(place) as client:
        inputs = [{"number": number} for number in range(30)]
        check([json.loads(text) for text in await client.run_processes("echo@1.0.0", inputs)], inputs)
        check(await client.run_processes("echo@1.0.0", []), [])
        await refused(client.run_processes("fail@1.0.0", [{}]), "no luck")


async def budgets_of_another_number_are_refused(place: Place) -> None:
    async with connection(place) as client:
        text = "token_budgets length 1 does not match inputs length 2"
        await refused(client.launch_processes("echo@1.0.0", [{}, {}], token_budgets=[1]), text)
        await refused(client.run_processes("echo@1.0.0", [{}, {}], token_budgets=[1]), text)


async def uncaptured_processes_of_a_batch_can_be_attached(place: Place) -> None:
    async with connection(place) as client, connection(place) as other:
        handles = await client.launch_processes("wait@1.0.0", [{}, {}], capture_outputs=False)
        for handle in handles:
            process = await other.attach_process(handle.process_id)
            await process.signal("up")
            await expect(process, (Event.Return, '"up"'))


# ------------------------------------------------------------- daemons and MCP


async def a_daemon_serves(place: Place) -> None:
    def fetch() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{place['port']}/where", timeout=5) as response:
            return response.read().decode()

    async with connection(place) as client:
        await client.launch_daemon("serve@1.0.0", int(place["port"]))
        for _ in range(50):
            with contextlib.suppress(OSError):
                check(await asyncio.to_thread(fetch), "GET /where")
                return
            await asyncio.sleep(0.1)
    raise AssertionError("it does not listen")


async def an_mcp_server_is_used_by_an_inferlet(place: Place) -> None:
    name = f"server{uuid.uuid4().hex[:6]}"
    async with connection(place) as client:
        await client.register_mcp_server(
            name, "stdio", command=place["python"], args=[place["mcp_server"], "stdio"]
        )
        kind, text = (await events_of(await client.launch_process("tools@1.0.0")))[-1]
        check(kind, Event.Return)
        told = json.loads(text)
        check(
            {**told, "tools": "add" in told["tools"]},
            {"server": name, "tools": True, "sum": "42", "greeted": True, "refused": True},
        )


# ------------------------------------------------------------- what this client does wrong


async def a_request_before_identification_does_not_hang(place: Place) -> None:
    async with stranger(place) as client:
        try:
            await asyncio.wait_for(client.ping(), MOMENT)
        except TimeoutError:
            raise
        except Exception as error:
            print(f"refused: {error}", file=sys.stderr)


async def attaching_leaves_an_earlier_handle_its_events(place: Place) -> None:
    async with connection(place) as client:
        (first,) = await client.launch_processes("wait@1.0.0", [{}], capture_outputs=False)
        waiting = asyncio.create_task(first.recv())
        second = await client.attach_process(first.process_id)
        await second.signal("up")
        check(await asyncio.wait_for(waiting, MOMENT), (Event.Return, '"up"'))


async def a_home_folder_is_found_by_its_sign(place: Place) -> None:
    ParsedPrivateKey.from_file("~/" + place["key_below_home"])


SCENARIOS = [
    an_ed25519_key_is_taken,
    an_rsa_key_is_taken,
    a_p256_key_is_taken,
    a_p384_key_is_taken,
    another_key_is_refused_and_the_right_one_taken_after_it,
    an_unknown_user_is_refused,
    the_token_is_taken_and_another_refused,
    a_name_is_enough_where_authentication_is_off,
    users_do_not_see_each_others_processes,
    processes_are_launched_as_a_batch,
    processes_are_run_as_a_batch,
    budgets_of_another_number_are_refused,
    uncaptured_processes_of_a_batch_can_be_attached,
    a_daemon_serves,
    an_mcp_server_is_used_by_an_inferlet,
    a_request_before_identification_does_not_hang,
    attaching_leaves_an_earlier_handle_its_events,
    a_home_folder_is_found_by_its_sign,
]

if __name__ == "__main__":
    main([*python_scenarios.SCENARIOS, *SCENARIOS])
