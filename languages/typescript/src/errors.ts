/** The class of a server's failure text. */

import { ERROR_CLASSES, ERROR_TEXTS } from "../../../schema/dist/typescript/protocol.js";

export type ErrorClass = keyof typeof ERROR_CLASSES;
/** Where a text is received: in a response, in an error event, or in a notice. */
export type Scope = (typeof ERROR_CLASSES)[ErrorClass]["scope"];

const ROWS = ERROR_TEXTS.flatMap((row) => {
  if (row.class === null) return [];
  const parts = row.text.split(/\{\w+\}/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return [{ name: row.class, text: row.text as string, pattern: new RegExp(`^${parts.join("[^]*")}$`, "u") }];
});

/** Return the class of a failure text, or null if the protocol does not know it: that of an equal text, or the first that fits. */
export function classOf(text: string, scope: Scope): ErrorClass | null {
  const rows = ROWS.filter(({ name }) => ERROR_CLASSES[name].scope === scope);
  const found = rows.find((row) => row.text === text) ?? rows.find(({ pattern }) => pattern.test(text));
  return found?.name ?? null;
}
