/** The client on the embedded engine, in a process of its own. */

import assert from "node:assert/strict";
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { CHUNK_BYTES, type Family } from "../../../schema/dist/typescript/protocol.js";
import { Client, PieError, digest, type Output } from "../src/client.js";

const PYTHON = process.env["PYTHON"] ?? "python";
const options = { timeout: 30_000 };
const FAMILIES: Family[] = ["0.4", "0.5"];

for (const family of FAMILIES) {
  describe(`a client of a ${family} server`, () => {
    let server: ChildProcess;
    let uri = "";
    let client: Client;

    before(async () => {
      server = spawn(PYTHON, ["-m", "pie_client.testing", "--port", "0", "--family", family], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      for await (const line of createInterface({ input: server.stdout! })) {
        const found = /ws:\/\/127\.0\.0\.1:\d+/.exec(line);
        if (found) {
          uri = found[0];
          break;
        }
      }
      client = await Client.connect(uri);
    });

    after(async () => {
      await client?.close();
      server.kill("SIGINT");
    });

    test("the example of docs/other-languages.md runs", options, async () => {
      const example = fileURLToPath(new URL("../src/example.js", import.meta.url));
      const { stdout } = await promisify(execFile)(process.execPath, [example, uri]);
      const [identified, ...output] = stdout.trimEnd().split("\n");
      assert.match(identified!, /^identified: /);
      assert.deepEqual(output, ["stdout: 1", "stdout: 2", "return: 2"]);
    });

    test("finds out the family", options, () => {
      assert.equal(client.family, family);
    });

    test("launches a program and returns its result", options, async () => {
      const process = await client.launch("echo@1.0.0", { text: "Grüße", number: 1 });
      assert.deepEqual(JSON.parse(await process.result()), { text: "Grüße", number: 1 });
    });

    test("streams the output of a process to its end", options, async () => {
      const output: Output[] = [];
      for await (const event of await client.launch("count@1.0.0", 2)) output.push(event);
      const kinds = output.map((event) => (event.type === "process_event" ? event.event : event.type));
      assert.deepEqual([kinds.filter((kind) => kind === "stdout").length > 0, kinds.at(-1)], [true, "return"]);
    });

    test("exchanges files in chunks with a process", options, async () => {
      const content = new Uint8Array(CHUNK_BYTES + 1).fill(7);
      const process = await client.launch("files@1.0.0", null);
      client.transfer(process, content);
      const chunks: Uint8Array[] = [];
      let result = "";
      for await (const event of process) {
        if (event.type === "file") chunks.push(event.chunk_data);
        if (event.type === "process_event" && event.event === "return") result = event.value;
      }
      assert.deepEqual(
        chunks.map((chunk) => chunk.length),
        [CHUNK_BYTES, 1],
      );
      assert.deepEqual(new Uint8Array(Buffer.concat(chunks)), content);
      assert.deepEqual(JSON.parse(result), { bytes: content.length, blake3: digest(content) });
    });

    test("sends a signal to a process and lists it", options, async () => {
      const process = await client.launch("wait@1.0.0", null);
      const listed = await client.call("list_processes", {});
      assert.deepEqual(
        listed.map((each) => [each.id, typeof each.elapsed_secs]),
        [[process.id, "bigint"]],
      );
      client.signal(process, "go on");
      assert.equal(JSON.parse(await process.result()), "go on");
    });

    test("reports a process that fails", options, async () => {
      const process = await client.launch("fail@1.0.0", "no luck");
      await assert.rejects(process.result(), (error: PieError) => error.text.includes("no luck"));
    });

    test("reports a refused request with its class", options, async () => {
      const missing = "00000000-0000-4000-8000-000000000000";
      await assert.rejects(client.call("terminate_process", { process_id: missing }), (error: PieError) => {
        assert.equal(error.errorClass, "ProcessNotFoundError");
        return true;
      });
    });
  });
}
