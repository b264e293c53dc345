/** msgpack as the protocol uses it. */

import { decode, encode } from "@msgpack/msgpack";

/** What the msgpack library can't tell apart, as test vectors name it. */
export const BLIND: readonly string[] = ["utf8", "duplicate-keys", "int-vs-float"];

export function pack(message: Record<string, unknown>): Uint8Array {
  return encode(message, { useBigInt64: true });
}

/** Return the value of a frame; throw an Error unless it is one value, whose keys are strings. */
export function unpack(frame: Uint8Array): unknown {
  return decode(frame, { useBigInt64: true, mapKeyConverter });
}

function mapKeyConverter(key: unknown): string {
  if (typeof key !== "string") throw new TypeError("a key is not a string");
  return key;
}
