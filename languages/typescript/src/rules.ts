/** Rules of the protocol beyond messages, from its exported facts. */

import { createPrivateKey, sign as signBytes } from "node:crypto";

import { isInteger, parse as parseJson } from "lossless-json";
import { parse as parseToml } from "smol-toml";

import * as protocol from "../../../schema/dist/typescript/protocol.js";
import { patternOf } from "./errors.js";

/** Parse JSON; integers beyond 2^53 become bigint. */
export function parse(text: string): unknown {
  return parseJson(text, undefined, (digits) => {
    const number = Number(digits);
    return isInteger(digits) && !Number.isSafeInteger(number) ? BigInt(digits) : number;
  });
}

/** Return a program's Pie.toml; throw an Error if it is not valid, or names what can be no program. */
export function manifest(text: string): protocol.Manifest {
  const found = protocol.decode("Manifest", plain(parseToml(text)));
  const programs = [[found.package.name, found.package.version], ...Object.entries(found.dependencies ?? {})];
  for (const [name, version] of programs) protocol.decode("VersionedProgramName", `${name}@${version}`);
  return found;
}

/** Return tables of TOML as plain objects. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null || value instanceof Date) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
}

/** Return the highest version that servers launch, or null. */
export function highest(listing: protocol.ProgramListing): string | null {
  const numbers = listing.versions.filter(({ num, yanked }) => !yanked && isVersion(num)).map(({ num }) => num);
  return numbers.sort(compare).at(-1) ?? null;
}

function isVersion(num: string): boolean {
  try {
    protocol.decode("VersionedProgramName", `name@${num}`);
    return true;
  } catch {
    return false;
  }
}

function compare(a: string, b: string): number {
  const others = b.split(".").map(BigInt);
  const differences = a.split(".").map((part, index) => BigInt(part) - others[index]!);
  return Number(differences.find((difference) => difference !== 0n) ?? 0n);
}

/** Return the only family whose servers send a reply to auth_identify, or null. */
export function familyOf(ok: boolean, result: string): protocol.Family | null {
  const kind = ok ? protocol.decodeResult("auth_identify", result).kind : null;
  const texts = protocol.ERROR_TEXTS.filter(({ text }) => patternOf(text).test(result)).map(({ id }) => id);
  const row = protocol.FAMILIES.find(({ identified_by: { results, refusals } }) =>
    ok ? (results as readonly unknown[]).includes(kind) : refusals.some((id) => texts.includes(id)),
  );
  return row?.name ?? null;
}

/** Return the signature of a challenge, as auth_prove sends it; throw an Error if servers do not accept the key. */
export function sign(pem: string, challenge: string): string {
  const key = createPrivateKey(pem);
  // A JSON Web Key has the names of curves that the protocol has.
  const { kty, crv } = key.export({ format: "jwk" });
  const row = protocol.SIGNATURES.find((each) => each.key === (crv ?? kty));
  const { modulusLength } = key.asymmetricKeyDetails ?? {};
  if (!row || (modulusLength !== undefined && modulusLength < protocol.RSA_KEY_BITS)) throw new Error("servers do not accept this key");
  return signBytes("hash" in row ? row.hash : null, Buffer.from(challenge, "base64"), key).toString("base64");
}
