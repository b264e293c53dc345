/** What the compiler accepts and refuses: this file compiles only if the exported types are right. */

import assert from "node:assert/strict";
import { test } from "node:test";

import * as protocol from "../../../schema/dist/typescript/protocol.js";
import type { Arguments } from "../src/client.js";

/** Name each message of a server; a new type of message or kind of event in the schema is an error of the compiler. */
function describeMessage(message: protocol.ServerMessage | protocol.Unknown): string {
  switch (message.type) {
    case "response":
      return message.result;
    case "process_event":
      return describeEvent(message);
    case "file":
      return `${message.chunk_data satisfies Uint8Array}${message.chunk_index satisfies bigint}`;
    case "mcp_request":
      return message.method;
    case null:
      return message.of === null ? `unknown: ${Object.keys(message.fields)}` : `unknown ${message.of}: ${message.fields.event}`;
  }
  message satisfies never;
}

function describeEvent(message: protocol.ProcessEvent): string {
  switch (message.event) {
    case "stdout":
    case "stderr":
    case "message":
    case "return":
    case "error":
      return `${message.event}: ${message.value satisfies string}`;
  }
  message satisfies never;
}

const PROCESS = "6d2f4c1e-8a53-4f0b-9c77-1be2f0a4d9e3";

test("a switch over messages and events is exhaustive, and has a case for what is unknown", () => {
  const known = { type: "process_event", process_id: PROCESS, event: "stdout", value: "a" };
  assert.equal(describeMessage(protocol.decodeServerMessage(known)), "stdout: a");
  assert.equal(describeMessage(protocol.decodeServerMessage({ ...known, event: "a later one" })), "unknown process_event: a later one");
  assert.equal(describeMessage(protocol.decodeServerMessage({ type: "later", a: 1 })), "unknown: type,a");
});

test("64-bit integers are bigint at any size, and encoded in the shortest form", () => {
  const chunk = { type: "file", process_id: PROCESS, file_hash: "", chunk_index: 0, chunk_data: new Uint8Array() };
  const decoded = protocol.decode("FileChunk", { ...chunk, total_chunks: 2n ** 64n - 1n });
  assert.deepEqual([decoded.chunk_index, decoded.total_chunks], [0n, 2n ** 64n - 1n]);
  const encoded = protocol.encodeServerMessage(decoded);
  assert.deepEqual([encoded["chunk_index"], encoded["total_chunks"]], [0, 2n ** 64n - 1n]);
  assert.throws(() => protocol.decode("FileChunk", { ...chunk, total_chunks: 2 ** 60 }), protocol.ProtocolError);
});

test("a misspelled, missing or wrong field does not compile, and is refused at run time", () => {
  const launch: Arguments<"launch_process"> = { inferlet: "echo@1.0.0", input: "{}" };
  assert.ok(launch);
  // @ts-expect-error a misspelled field
  const misspelled: protocol.PingRequest = { type: "ping", corr_id: 1, corrid: 1 };
  assert.throws(() => protocol.encodeClientMessage(misspelled), /PingRequest\.corrid: not a field/);
  // @ts-expect-error a missing field
  const missing: protocol.PingRequest = { type: "ping" };
  assert.throws(() => protocol.encodeClientMessage(missing), /PingRequest\.corr_id: missing/);
  // @ts-expect-error a number where 64 bits are needed
  const narrow: protocol.ProcessInfo["elapsed_secs"] = 1;
  assert.ok(narrow);
  // @ts-expect-error no request has this type
  protocol.REQUESTS["launch"];
});

test("the content of a frame is not in the error", () => {
  const secret = { type: "auth_by_token", corr_id: "s3cret", token: "s3cret" };
  assert.throws(
    () => protocol.decodeClientMessage(secret),
    (error: Error) => !error.message.includes("s3cret") && error.message.includes("corr_id"),
  );
});
