"""Further scenarios for the published client of the 0.4 family."""

import asyncio
import contextlib
import json
import sys
import urllib.request
import uuid
from pathlib import Path

import python_scenarios
from harness import HANG_TIMEOUT, Settings, check, main, refused
from python_scenarios import connection, events_of, expect

from pie_client import Event, ParsedPrivateKey, PieClient


@contextlib.asynccontextmanager
async def unidentified(settings: Settings, engine: str = "uri"):
    """Connect without identifying."""
    client = PieClient(settings[engine])
    await client.connect()
    try:
        yield client
    finally:
        with contextlib.suppress(Exception):
            await asyncio.wait_for(client.close(), 0.1)


# ------------------------------------------------------------- authentication


async def _authenticates_with(settings: Settings, kind: str) -> None:
    async with unidentified(settings) as client:
        await client.authenticate("alice", ParsedPrivateKey.from_file(settings[kind]))
        await client.ping()


async def an_ed25519_key_is_accepted(settings: Settings) -> None:
    await _authenticates_with(settings, "ed25519")


async def an_rsa_key_is_accepted(settings: Settings) -> None:
    await _authenticates_with(settings, "rsa")


async def a_p256_key_is_accepted(settings: Settings) -> None:
    await _authenticates_with(settings, "p256")


async def a_p384_key_is_accepted(settings: Settings) -> None:
    await _authenticates_with(settings, "p384")


async def a_wrong_key_is_refused_and_the_right_one_accepted_after_it(settings: Settings) -> None:
    async with unidentified(settings) as client:
        wrong = ParsedPrivateKey.parse(Path(settings["unknown"]).read_text(encoding="utf-8"))
        await refused(client.authenticate("alice", wrong), "Signature verification failed")
        await client.authenticate("alice", ParsedPrivateKey.from_file(settings["ed25519"]))
        await client.ping()


async def an_unknown_user_is_refused(settings: Settings) -> None:
    async with unidentified(settings) as client:
        key = ParsedPrivateKey.from_file(settings["ed25519"])
        await refused(client.authenticate("mallory", key), "User 'mallory' is not authorized")


async def the_token_is_accepted_and_another_refused(settings: Settings) -> None:
    async with unidentified(settings) as client:
        await refused(client.auth_by_token("wrong"), "Invalid token")
        await client.auth_by_token(settings["token"])
        await client.ping()


async def a_name_is_enough_where_authentication_is_off(settings: Settings) -> None:
    async with unidentified(settings, "open_uri") as client:
        await client.authenticate("anybody")
        await client.ping()


async def users_do_not_see_each_others_processes(settings: Settings) -> None:
    async with unidentified(settings, "open_uri") as client, unidentified(settings, "open_uri") as other:
        await client.authenticate("anna")
        await other.authenticate("bert")
        process = await client.launch_process("wait@1.0.0")
        await expect(process, (Event.Message, "waiting"))
        check([one["id"] for one in await client.list_processes()], [process.process_id])
        check(await other.list_processes(), [])
        await refused(other.terminate_process(process.process_id), "Permission denied")
        await process.terminate()


# ------------------------------------------------------------- batches


async def processes_are_launched_as_a_batch(settings: Settings) -> None:
    async with connection(settings) as client:
        inputs = [{"number": number} for number in range(30)]
        processes = await client.launch_processes("echo@1.0.0", inputs, token_budgets=[None, *range(1, 30)])
        ends = [found[-1] for found in await asyncio.gather(*map(events_of, processes))]
        check([json.loads(text) for _, text in ends], inputs)


async def processes_are_run_as_a_batch(settings: Settings) -> None:
    async with connection(settings) as client:
        inputs = [{"number": number} for number in range(30)]
        check([json.loads(text) for text in await client.run_processes("echo@1.0.0", inputs)], inputs)
        check(await client.run_processes("echo@1.0.0", []), [])
        await refused(client.run_processes("fail@1.0.0", [{}]), "no luck")


async def budgets_of_another_number_are_refused(settings: Settings) -> None:
    async with connection(settings) as client:
        text = "token_budgets length 1 does not match inputs length 2"
        await refused(client.launch_processes("echo@1.0.0", [{}, {}], token_budgets=[1]), text)
        await refused(client.run_processes("echo@1.0.0", [{}, {}], token_budgets=[1]), text)


async def uncaptured_processes_of_a_batch_can_be_attached(settings: Settings) -> None:
    async with connection(settings) as client, connection(settings) as other:
        handles = await client.launch_processes("wait@1.0.0", [{}, {}], capture_outputs=False)
        for handle in handles:
            process = await other.attach_process(handle.process_id)
            await process.signal("up")
            await expect(process, (Event.Return, '"up"'))


# ------------------------------------------------------------- daemons and MCP


async def a_daemon_serves(settings: Settings) -> None:
    def fetch() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{settings['port']}/where", timeout=5) as response:
            return response.read().decode()

    async with connection(settings) as client:
        await client.launch_daemon("serve@1.0.0", int(settings["port"]))
        for _ in range(50):
            with contextlib.suppress(OSError):
                check(await asyncio.to_thread(fetch), "GET /where")
                return
            await asyncio.sleep(0.1)
    raise AssertionError("the daemon does not listen")


async def an_mcp_server_is_used_by_an_inferlet(settings: Settings) -> None:
    name = f"server{uuid.uuid4().hex[:6]}"
    async with connection(settings) as client:
        await client.register_mcp_server(
            name, "stdio", command=settings["python"], args=[settings["mcp_server"], "stdio"]
        )
        kind, text = (await events_of(await client.launch_process("tools@1.0.0")))[-1]
        check(kind, Event.Return)
        result = json.loads(text)
        check(
            {**result, "tools": "add" in result["tools"]},
            {"server": name, "tools": True, "sum": "42", "greeted": True, "refused": True},
        )


# ------------------------------------------------------------- known defects


async def a_request_before_identification_does_not_hang(settings: Settings) -> None:
    async with unidentified(settings) as client:
        try:
            await asyncio.wait_for(client.ping(), HANG_TIMEOUT)
        except TimeoutError:
            raise
        except Exception as error:
            print(f"refused: {error}", file=sys.stderr)


async def attaching_keeps_the_events_of_an_earlier_handle(settings: Settings) -> None:
    async with connection(settings) as client:
        (first,) = await client.launch_processes("wait@1.0.0", [{}], capture_outputs=False)
        waiting = asyncio.create_task(first.recv())
        second = await client.attach_process(first.process_id)
        await second.signal("up")
        check(await asyncio.wait_for(waiting, HANG_TIMEOUT), (Event.Return, '"up"'))


async def a_key_path_may_start_with_a_tilde(settings: Settings) -> None:
    ParsedPrivateKey.from_file("~/" + settings["key_below_home"])


SCENARIOS = [
    an_ed25519_key_is_accepted,
    an_rsa_key_is_accepted,
    a_p256_key_is_accepted,
    a_p384_key_is_accepted,
    a_wrong_key_is_refused_and_the_right_one_accepted_after_it,
    an_unknown_user_is_refused,
    the_token_is_accepted_and_another_refused,
    a_name_is_enough_where_authentication_is_off,
    users_do_not_see_each_others_processes,
    processes_are_launched_as_a_batch,
    processes_are_run_as_a_batch,
    budgets_of_another_number_are_refused,
    uncaptured_processes_of_a_batch_can_be_attached,
    a_daemon_serves,
    an_mcp_server_is_used_by_an_inferlet,
    a_request_before_identification_does_not_hang,
    attaching_keeps_the_events_of_an_earlier_handle,
    a_key_path_may_start_with_a_tilde,
]

if __name__ == "__main__":
    main([*python_scenarios.SCENARIOS, *SCENARIOS])
