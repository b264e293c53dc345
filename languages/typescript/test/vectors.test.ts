/** Every test vector of schema/vectors, each as a test with the name of its id. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test, type TestContext } from "node:test";

import * as protocol from "../../../schema/dist/typescript/protocol.js";
import { BLIND, pack, unpack } from "../src/frames.js";

interface Vector {
  id: string;
  from: "client" | "server";
  class: string;
  hex?: string;
  text?: string;
  fields?: Record<string, unknown>;
  numbers?: Record<string, string>;
  reason?: string;
  needs?: string[];
}

const FOLDER = new URL("../../../../../../schema/vectors/", import.meta.url);
const accepted = new Set<string>();

function vectors(name: string): Vector[] {
  return JSON.parse(readFileSync(new URL(`${name}.json`, FOLDER), "utf8")) as Vector[];
}

/** Return the message in a frame as its class and fields. */
function decode(vector: Vector): { name: string; fields: Record<string, unknown> } {
  const value = vector.hex === undefined ? JSON.parse(vector.text!) : unpack(Buffer.from(vector.hex, "hex"));
  const message =
    vector.from === "client"
      ? protocol.decodeClientMessage(value)
      : vector.hex === undefined
        ? protocol.decodeServerTextMessage(value)
        : protocol.decodeServerMessage(value);
  if (message.type === null) return { name: message.of === null ? "unknown" : "UnknownFrame", fields: { ...message.fields } };
  // The same as from the definition of the class, which the tags of another message would not fit.
  if (vector.reason === undefined) assert.deepEqual(message, protocol.decode(vector.class as keyof protocol.Definitions, value));
  return { name: vector.class, fields: { ...message } };
}

/** Return fields as the vectors write them: bytes in base64, and integers beyond 2^53 as digits. */
function written(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (Array.isArray(value)) return value.map(written);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, written(item)]));
}

/** Return the fields of a vector without those that are absent, and with digits for integers beyond 2^53. */
function expected(vector: Vector): Record<string, unknown> {
  const fields = structuredClone(vector.fields!);
  for (const [pointer, digits] of Object.entries(vector.numbers ?? {})) {
    const keys = pointer.slice(1).split("/");
    const last = keys.pop()!;
    let holder = fields as Record<string, any>;
    for (const key of keys) holder = holder[key];
    holder[last] = digits;
  }
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
}

function encoded(vector: Vector, fields: Record<string, unknown>): Record<string, unknown> {
  return vector.from === "client"
    ? protocol.encodeClientMessage(fields as unknown as protocol.ClientMessage)
    : protocol.encodeServerMessage(fields as unknown as protocol.ServerMessage);
}

function reject(vector: Vector, context: TestContext): void {
  let message;
  try {
    message = decode(vector);
  } catch (error) {
    assert.ok(error instanceof Error);
    return;
  }
  const blind = (vector.needs ?? []).filter((need) => BLIND.includes(need));
  assert.ok(blind.length > 0, `accepted as ${Object.keys(message.fields)}`);
  blind.forEach((need) => accepted.add(need));
  context.skip(`the library can't tell: ${blind}`);
}

for (const vector of vectors("reference")) {
  test(vector.id, () => {
    const { fields } = decode(vector);
    assert.deepEqual(written(fields), expected(vector));
    const ordered = Object.fromEntries(Object.keys(vector.fields!).map((key) => [key, fields[key]]));
    assert.equal(Buffer.from(pack(encoded(vector, ordered))).toString("hex"), vector.hex);
  });
}

for (const vector of vectors("valid")) {
  test(vector.id, () => {
    const { name, fields } = decode(vector);
    assert.equal(name, vector.class);
    assert.deepEqual(written(fields), expected(vector));
    if (name === "UnknownFrame") return; // clients and servers send only what they know
    const map = encoded(vector, fields);
    assert.deepEqual(written(vector.hex ? unpack(pack(map)) : JSON.parse(JSON.stringify(map))), expected(vector));
  });
}

for (const vector of vectors("invalid")) {
  test(vector.id, (context) => reject(vector, context));
}

for (const vector of vectors("recorded")) {
  test(vector.id, (context) => {
    if (vector.class === "malformed" || vector.reason) reject(vector, context);
    else assert.equal(decode(vector).name, vector.class);
  });
}

for (const vector of vectors("unknown")) {
  test(vector.id, () => {
    assert.deepEqual(decode(vector), { name: "unknown", fields: vector.fields });
  });
}

test("the library is blind to nothing but what it is said to be", () => {
  assert.deepEqual([...accepted].sort(), [...BLIND].sort());
});
