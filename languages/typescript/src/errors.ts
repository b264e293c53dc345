/** The class of a server's failure text. */

import { ERROR_CLASSES, ERROR_TEXTS } from "../../../schema/dist/typescript/protocol.js";

export type ErrorClass = keyof typeof ERROR_CLASSES;
/** Where a text is received: in a response, in an error event, or in a notice. */
export type Scope = (typeof ERROR_CLASSES)[ErrorClass]["scope"];

/** Return the pattern of a failure text, in which `{name}` stands for any text. */
export function patternOf(text: string): RegExp {
  const parts = text.split(/\{\w+\}/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join("[^]*")}$`, "u");
}

const ROWS = ERROR_TEXTS.flatMap((row) =>
  row.class === null ? [] : [{ name: row.class, text: row.text as string, pattern: patternOf(row.text) }],
);

/** Return the class of a failure text, or null if the protocol does not know it: that of an equal text, or the first that fits. */
export function classOf(text: string, scope: Scope): ErrorClass | null {
  const rows = ROWS.filter(({ name }) => ERROR_CLASSES[name].scope === scope);
  const found = rows.find((row) => row.text === text) ?? rows.find(({ pattern }) => pattern.test(text));
  return found?.name ?? null;
}
