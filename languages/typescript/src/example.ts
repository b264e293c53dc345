import { decode, encode } from "@msgpack/msgpack";
import { WebSocket } from "ws";

import * as pie from "../../../schema/dist/typescript/protocol.js";

const url = new URL(process.argv[2] ?? "ws://127.0.0.1:8080");
const headers: Record<string, string> = {};
for (const { server } of pie.FAMILIES) {
  if ("path" in server) url.pathname = server.path; // servers without a path of their own accept any
  if ("identity_header" in server) headers[server.identity_header] = "alice";
}
const socket = new WebSocket(url, { headers, perMessageDeflate: false });
const requests: (keyof pie.Results)[] = [];

function send(message: pie.ClientMessage): void {
  socket.send(encode(pie.encodeClientMessage(message), { useBigInt64: true }));
}

function call(type: "auth_identify" | "launch_process", fields: object): void {
  const corr_id = requests.push(type) - 1;
  send({ type, corr_id, ...pie.REQUESTS[type].defaults, ...fields } as pie.ClientMessage);
}

function receive(message: pie.ServerMessage | pie.Unknown): void {
  switch (message.type) {
    case "response": {
      const request = requests[message.corr_id]!;
      if (!message.ok) throw new Error(`${request} failed: ${message.result}`);
      if (request === "auth_identify") {
        console.log("identified:", pie.decodeResult(request, message.result).kind);
        call("launch_process", { inferlet: "count@1.0.0", input: JSON.stringify(2) });
      }
      break;
    }
    case "process_event":
      console.log(`${message.event}: ${message.value.trim()}`);
      if (pie.EVENTS[message.event].terminal) socket.close();
      break;
    case "file": // a chunk of a file that the process sends
    case "mcp_request": // a call of an MCP server that this client registered
    case null: // of a later version of the protocol
  }
}

socket.on("open", () => call("auth_identify", { username: "alice" }));
socket.on("message", (data, isBinary) => {
  if (isBinary) receive(pie.decodeServerMessage(decode(data as Buffer, { useBigInt64: true })));
});
