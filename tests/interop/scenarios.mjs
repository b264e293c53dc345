// Scenarios for the published JavaScript client of the 0.5 family. Arguments: the settings as JSON, and the folder where it is installed.

import { createHash, randomUUID } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const settings = JSON.parse(process.argv[2]);
const load = createRequire(join(process.argv[3], "package.json"));
const { PieClient, ReceivedFile } = await import(pathToFileURL(load.resolve("@pie-project/client")));
const { WebSocket } = load("ws"); // a WebSocket that can send headers, in every release of Node

const DEADLINE = 15_000;
const HANG_TIMEOUT = 2_000;

function check(actual, expected) {
  const [a, e] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (a !== e) throw new Error(`${a?.slice(0, 300)} instead of ${e.slice(0, 300)}`);
}

async function within(milliseconds, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("timed out")), milliseconds);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function refused(attempt, text) {
  let reason;
  try {
    await within(DEADLINE, attempt);
  } catch (error) {
    reason = String(error?.message ?? error);
  }
  if (!reason?.includes(text)) throw new Error(`${reason ?? "not refused"} instead of ${text}`);
}

async function connected(work) {
  const client = new PieClient(settings.uri, { WebSocket, identity: "acme/alice" });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.close();
  }
}

async function eventsOf(running) {
  const found = [];
  do found.push(await running.recv());
  while (!["return", "error"].includes(found.at(-1).event));
  return found;
}

async function expectMessage(running, value) {
  check(await running.recv(), { event: "message", value });
}

// A WebAssembly component that contains only a comment.
function component(comment) {
  const length = comment.length + 1;
  const padded = [0, 7, 14, 21].map((shift) => ((length >> shift) & 0x7f) | 0x80);
  return Buffer.concat([Buffer.from([0, 97, 115, 109, 13, 0, 1, 0, 0, ...padded, length >> 28, 0]), comment]);
}

async function withProgram(data, manifest, work) {
  const folder = await mkdtemp(join(tmpdir(), "interop-"));
  try {
    const paths = [join(folder, "program.wasm"), join(folder, "Pie.toml")];
    await writeFile(paths[0], data);
    await writeFile(paths[1], manifest);
    await work(...paths);
  } finally {
    await rm(folder, { recursive: true });
  }
}

const sha256 = (data) => createHash("sha256").update(data).digest("hex");
const fresh = (letter) => letter + randomUUID().slice(0, 8);
const manifestOf = (name, rest = "") => `[package]\nname = "${name}"\nversion = "1.0.0"\n${rest}`;

const scenarios = {
  // ---------------------------------------------------------- connection
  async a_ping_is_answered() {
    await connected((client) => client.ping());
  },
  async a_client_without_an_identity_is_refused() {
    const client = new PieClient(settings.uri, { WebSocket });
    await refused(client.connect(), "WebSocket connection failed");
  },
  async query_returns_the_model_status() {
    await connected(async (client) => {
      const { ok, result } = await client.query("model_status", "");
      check([ok, result.includes("kv_pages_total")], [true, true]);
    });
  },
  async ten_connections_work_side_by_side() {
    const one = (number) =>
      connected(async (client) => {
        const running = await client.launchProcess("echo@1.0.0", { number });
        check(JSON.parse((await eventsOf(running)).at(-1).value), { number });
      });
    await Promise.all([...Array(10).keys()].map(one));
  },

  // ---------------------------------------------------------- processes
  async every_kind_of_event_arrives() {
    await connected(async (client) => {
      const running = await client.launchProcess("echo@1.0.0", { a: [1, "é"] });
      check(await eventsOf(running), [
        { event: "stdout", value: "out é\n" },
        { event: "stderr", value: "err\n" },
        { event: "message", value: "msg" },
        { event: "return", value: '{"a": [1, "é"]}' },
      ]);
    });
  },
  async a_stream_arrives_whole_and_in_order() {
    await connected(async (client) => {
      const found = await eventsOf(await client.launchProcess("stream@1.0.0"));
      const lines = found.filter((e) => e.event === "stdout").map((e) => e.value.trim());
      check(lines, [...Array(500).keys()].map(String));
    });
  },
  async streams_of_twenty_processes_are_kept_apart() {
    await connected(async (client) => {
      const launched = [];
      for (let i = 0; i < 20; i++) launched.push(await client.launchProcess("stream@1.0.0"));
      for (const found of await Promise.all(launched.map(eventsOf))) check(found.length, 501);
    });
  },
  async a_failure_is_an_error_event() {
    await connected(async (client) => {
      const found = await eventsOf(await client.launchProcess("fail@1.0.0"));
      check(found, [{ event: "error", value: "no luck" }]);
    });
  },
  async result_waits_for_the_return_value() {
    await connected(async (client) => {
      check(await (await client.launchProcess("echo@1.0.0", { a: 1 })).result(), { a: 1 });
      await refused((await client.launchProcess("fail@1.0.0")).result(), "no luck");
    });
  },
  async signals_are_answered() {
    await connected(async (client) => {
      const running = await client.launchProcess("talk@1.0.0");
      await expectMessage(running, "listening");
      for (const word of ["one", "two é"]) {
        await running.signal(word);
        await expectMessage(running, word.toUpperCase());
      }
      await client.signalProcess(running.processId, "stop");
      check(await running.recv(), { event: "return", value: '["one", "two é"]' });
    });
  },
  async a_bare_name_is_launched_and_an_unknown_program_refused() {
    await connected(async (client) => {
      check((await eventsOf(await client.launchProcess("stream"))).length, 501);
      await refused(client.launchProcess("absent@1.0.0"), "absent@1.0.0");
    });
  },
  async a_running_process_is_listed_and_can_be_terminated() {
    await connected(async (client) => {
      const running = await client.launchProcess("wait@1.0.0", { mark: 1 });
      await expectMessage(running, "waiting");
      const mine = async () => (await client.listProcesses()).filter((p) => p.id === running.processId);
      const [entry] = await mine();
      check([entry.program, JSON.parse(entry.input)], ["wait@1.0.0", { mark: 1 }]);
      await running.terminate();
      check((await running.recv()).event, "error");
      check(await mine(), []);
      await refused(client.terminateProcess(running.processId), "Process not found");
    });
  },
  async an_uncaptured_process_is_found_and_attached() {
    await connected(async (client) => {
      const mark = randomUUID();
      await client.launchProcess("talk@1.0.0", { mark }, false);
      const [entry] = (await client.listProcesses()).filter((p) => p.input.includes(mark));
      const running = await client.attachProcess(entry.id);
      await running.signal("hello");
      await expectMessage(running, "HELLO");
      await running.signal("stop");
      check(await running.recv(), { event: "return", value: '["hello"]' });
    });
  },
  async a_process_attached_elsewhere_can_not_be_attached() {
    await connected(async (client) => {
      const running = await client.launchProcess("wait@1.0.0");
      await expectMessage(running, "waiting");
      await connected((other) => refused(other.attachProcess(running.processId), "already attached"));
    });
  },

  // ---------------------------------------------------------- files and programs
  async a_file_is_sent_and_received() {
    await connected(async (client) => {
      for (const data of [Buffer.alloc(0), Buffer.from("abc"), Buffer.alloc(5 << 20, "0123456789")]) {
        const running = await client.launchProcess("reverse@1.0.0");
        await expectMessage(running, "ready");
        await running.transferFile(data);
        if (data.length > 0) {
          const { event, value } = await running.recv(); // an empty file is not sent back by any server
          check([event, value instanceof ReceivedFile, value.name], ["file", true, "reversed.bin"]);
          check(sha256(value), sha256(Buffer.from(data).reverse()));
        }
        check(await running.recv(), { event: "return", value: String(data.length) });
      }
    });
  },
  async a_program_is_installed_in_chunks_and_then_exists() {
    await connected(async (client) => {
      const name = fresh("p");
      check(await client.checkProgram(`${name}@1.0.0`), false);
      await withProgram(component(Buffer.alloc(640_000, 1)), manifestOf(name), async (...paths) => {
        await client.installProgram(...paths);
        check(await client.checkProgram(`${name}@1.0.0`), true);
        await client.installProgram(...paths, true);
      });
    });
  },
  async an_invalid_manifest_is_refused() {
    await connected(async (client) => {
      await refused(client.installProgramBytes(Buffer.from("x"), "[package]\nname = 3\n"), "Invalid manifest");
      await client.ping();
    });
  },
  async a_script_is_installed_and_runs() {
    await connected(async (client) => {
      const name = fresh("s");
      const source = 'async def main(input):\n    print("from a script")\n    return {"got": input}\n';
      const manifest = manifestOf(name, '[runtime]\nlanguage = "python"\n');
      await client.installProgramBytes(Buffer.from(source), manifest);
      const found = await eventsOf(await client.run(name, { x: 1 }));
      const printed = found.filter((e) => e.event === "stdout").map((e) => e.value);
      check([printed.join(""), JSON.parse(found.at(-1).value)], ["from a script\n", { got: { x: 1 } }]);
    });
  },
  async a_large_result_arrives() {
    await connected(async (client) => {
      const running = await client.launchProcess("large@1.0.0");
      await running.signal("now");
      const found = await eventsOf(running);
      check(found.at(-1).value.length, (3 << 20) + 2);
    });
  },

  // ---------------------------------------------------------- known defects
  async an_uncaptured_process_has_an_id() {
    await connected(async (client) => {
      check((await client.launchProcess("echo@1.0.0", {}, false)).processId !== "", true);
    });
  },
  async receiving_after_the_end_does_not_hang() {
    await connected(async (client) => {
      const running = await client.launchProcess("echo@1.0.0");
      await eventsOf(running);
      const ended = running.recv().catch(() => undefined);
      await within(HANG_TIMEOUT, ended);
    });
  },
  async asking_twice_for_the_result_does_not_hang() {
    await connected(async (client) => {
      const running = await client.launchProcess("echo@1.0.0");
      await running.result();
      const again = running.result().catch(() => undefined);
      await within(HANG_TIMEOUT, again);
    });
  },
  async an_install_without_overwrite_is_refused() {
    await connected(async (client) => {
      const name = fresh("p");
      await client.installProgramBytes(component(Buffer.from("old")), manifestOf(name));
      await refused(client.installProgramBytes(component(Buffer.from("new")), manifestOf(name)), name);
    });
  },
};

for (const [scenario, run] of Object.entries(scenarios)) {
  const begin = performance.now();
  let failure = null;
  try {
    await within(DEADLINE, run());
  } catch (error) {
    failure = String(error?.message ?? error).slice(0, 500);
  }
  const seconds = Math.round((performance.now() - begin) / 10) / 100;
  console.log(JSON.stringify({ scenario, failure, seconds }));
}
process.exit(0); // the client may leave a socket open, which would keep Node running
