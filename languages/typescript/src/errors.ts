/** The class of a server's failure text. */

import { ERROR_TEXTS } from "../../../schema/dist/typescript/protocol.js";

const PATTERNS = ERROR_TEXTS.map((row) => {
  const parts = row.text.split(/\{\w+\}/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return { row, pattern: new RegExp(`^${parts.join("[^]*")}$`, "u") };
});

/** Return the class of a failure text, or null if the protocol does not know it: an equal text, or the first that fits. */
export function classOf(text: string): string | null {
  const equal = ERROR_TEXTS.find((row) => row.class !== null && row.text === text);
  return equal?.class ?? PATTERNS.find(({ row, pattern }) => row.class !== null && pattern.test(text))?.row.class ?? null;
}
