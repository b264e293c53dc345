/** Every test vector of schema/vectors that is no frame, each as a test with the name of its id. */

import assert from "node:assert/strict";
import { createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";

import * as protocol from "../../../schema/dist/typescript/protocol.js";
import { digest, split } from "../src/client.js";
import { classOf, type Scope } from "../src/errors.js";
import { familyOf, highest, manifest, parse, sign } from "../src/rules.js";

/** A text, and its value unless it is to be rejected. */
interface Document {
  id: string;
  text: string;
  class?: keyof protocol.Definitions;
  request?: keyof protocol.Results;
  value?: unknown;
  reason?: string;
  highest?: string | null;
}

function vectors<T>(name: string): T[] {
  const file = new URL(`../../../../../../schema/vectors/${name}.json`, import.meta.url);
  // Values are compared as they are written: integers beyond 2^53 stay exact.
  return parse(readFileSync(file, "utf8")) as T[];
}

/** Return a value with digits for integers, which are number or bigint. */
function written(value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  if (Array.isArray(value)) return value.map((item) => written(item));
  if (typeof value !== "object" || value === null) return typeof value === "number" && Number.isInteger(value) ? String(value) : value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, written(item)]));
}

function read(vector: Document): unknown {
  if (vector.request) {
    const found = protocol.decodeResult(vector.request, vector.text, parse);
    return vector.request === "auth_identify" ? (found as protocol.AuthIdentifyResult).text : found;
  }
  if (vector.class === "Manifest") return manifest(vector.text);
  return protocol.decode(vector.class!, parse(vector.text));
}

for (const name of ["results", "manifests", "workflows", "registry", "mcp"]) {
  describe(name, () => {
    for (const vector of vectors<Document>(name)) {
      test(vector.id, () => {
        if (vector.reason) {
          assert.throws(() => read(vector), Error);
          return;
        }
        const value = read(vector);
        assert.deepEqual(written(value), written(vector.value));
        if ("highest" in vector) assert.equal(highest(value as protocol.ProgramListing), vector.highest);
      });
    }
  });
}

describe("refusals", () => {
  for (const vector of vectors<{ id: string; scope: Scope; text: string; class: string | null }>("refusals")) {
    test(vector.id, () => assert.equal(classOf(vector.text, vector.scope), vector.class));
  }
});

describe("families", () => {
  for (const vector of vectors<{ id: string; ok: boolean; result: string; family: string | null }>("families")) {
    test(vector.id, () => assert.equal(familyOf(vector.ok, vector.result), vector.family));
  }
});

describe("signatures", () => {
  type Signature = { id: string; reason?: string; deterministic: boolean } & Record<"private_key" | "public_key" | "challenge" | "signature", string>;
  for (const vector of vectors<Signature>("signatures")) {
    test(vector.id, () => {
      if (vector.reason) {
        assert.throws(() => sign(vector.private_key, "AAAA"), Error);
        return;
      }
      const signature = sign(vector.private_key, vector.challenge);
      if (vector.deterministic) assert.equal(signature, vector.signature);
      const key = createPublicKey(vector.public_key);
      const crv = key.export({ format: "jwk" }).crv ?? "RSA";
      const row = protocol.SIGNATURES.find((each) => each.key === crv)!;
      for (const each of [signature, vector.signature]) {
        const isGood = verify("hash" in row ? row.hash : null, Buffer.from(vector.challenge, "base64"), key, Buffer.from(each, "base64"));
        assert.ok(isGood);
      }
    });
  }
});

describe("files", () => {
  for (const vector of vectors<{ id: string; repeat: string; bytes: number; chunks: number[]; digest: string }>("files")) {
    test(vector.id, () => {
      const content = new Uint8Array(Buffer.alloc(vector.bytes, Buffer.from(vector.repeat, "hex")));
      assert.equal(digest(content), vector.digest);
      assert.deepEqual(
        split(content).map(({ chunk_data }) => chunk_data.length),
        vector.chunks,
      );
    });
  }
});
