/**
 * Check the bundle with ajv in strict mode and the AsyncAPI document with its official parser.
 *
 * Also write messages for other validators: build/valid.jsonl, and build/invalid.json, which they must refuse.
 */

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";

import { Parser } from "@asyncapi/parser";
import { decode } from "@msgpack/msgpack";
import Ajv from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

const SCHEMA = new URL("../../schema/", import.meta.url);
const FORMATS = ["binary", "uuid", "date-time", "uri"];

function read(path) {
  return JSON.parse(readFileSync(new URL(path, SCHEMA), "utf8"));
}

/** What JSON can't express: a frame that is invalid for this reason may be a valid message in JSON. */
const WIRE_ONLY = ["duplicate-keys", "int-vs-float", "key-types", "str-vs-bin", "trailing-bytes", "unicode", "utf8"];

/** Return the message in an invalid frame as JSON, or undefined if the frame has none that JSON expresses. */
function inJson({ hex, text, needs }) {
  if (needs.some((need) => WIRE_ONLY.includes(need))) return undefined;
  try {
    const value = hex === undefined ? JSON.parse(text) : decode(Buffer.from(hex, "hex"), { useBigInt64: true });
    const written = JSON.stringify(value, (_, item) => (item instanceof Uint8Array ? Buffer.from(item).toString("base64") : item));
    return JSON.parse(written);
  } catch {
    return undefined;
  }
}

function only(folder) {
  const [name, ...others] = readdirSync(new URL(`dist/${folder}/`, SCHEMA));
  if (others.length > 0) throw new Error(`dist/${folder} has more than one file: ${others}`);
  return `dist/${folder}/${name}`;
}

const failures = [];
const bundle = read(only("bundle"));
const ajv = new Ajv({ strict: true, discriminator: true, allErrors: true });
addFormats(ajv, FORMATS);
const isMessage = ajv.compile(bundle);
// JSON.parse does not read integers beyond 2^53 exactly: they are left to other languages.
const vectors = [...read("vectors/reference.json"), ...read("vectors/valid.json")];
const valid = vectors.filter((vector) => !vector.numbers);
const invalid = read("vectors/invalid.json")
  .map((vector) => ({ ...vector, fields: inJson(vector) }))
  .filter(({ fields }) => fields !== undefined);
for (const { id, class: title, fields } of valid) {
  if (!ajv.validate(`${bundle.$id}#/$defs/${title}`, fields)) failures.push(`${id}: refused: ${ajv.errorsText()}`);
}
for (const { id, class: title, fields } of invalid) {
  if (ajv.validate(`${bundle.$id}#/$defs/${title}`, fields)) failures.push(`${id}: accepted`);
  if (isMessage(fields)) failures.push(`${id}: accepted as another message`);
}
// Only events of known kinds are messages of the bundle.
const messages = valid.map(({ fields }) => fields).filter((fields) => isMessage(fields));
const known = valid.filter((vector) => vector.class !== "UnknownFrame");
if (messages.length < known.length) failures.push(`${known.length - messages.length} valid messages are not accepted by the root`);

const { document, diagnostics } = await new Parser().parse(readFileSync(new URL(only("asyncapi"), SCHEMA), "utf8"));
const ERROR = 0, WARNING = 1;
for (const { severity, message, path } of diagnostics) {
  if (severity === ERROR || severity === WARNING) failures.push(`AsyncAPI: ${path.join(".")}: ${message}`);
}

const build = new URL("build/", import.meta.url);
mkdirSync(build, { recursive: true });
writeFileSync(new URL("valid.jsonl", build), messages.map((message) => `${JSON.stringify(message)}\n`).join(""));
writeFileSync(new URL("valid.json", build), JSON.stringify(messages[0]));
writeFileSync(new URL("invalid.json", build), JSON.stringify(invalid.find(({ reason }) => reason === "missing").fields));

console.log(failures.join("\n"));
console.log(
  `ajv: ${valid.length} valid and ${invalid.length} invalid messages; AsyncAPI: ${document?.operations().length} operations; ${failures.length} failures`,
);
process.exitCode = failures.length > 0 || !document || valid.length === 0 || invalid.length === 0 ? 1 : 0;
