/** A client of both server families, written with nothing but the exported types and tables. */

import { blake3 } from "@noble/hashes/blake3.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { WebSocket, type RawData } from "ws";

import * as protocol from "../../../schema/dist/typescript/protocol.js";
import { classOf, type ErrorClass, type Scope } from "./errors.js";
import { pack, unpack } from "./frames.js";
import { familyOf } from "./rules.js";

type Requests = { [M in protocol.ClientMessage as M["type"]]: M };
/** Requests with a reply. */
export type Call = keyof protocol.Results & keyof Requests;
type Defaulted<T extends Call> = keyof (typeof protocol.REQUESTS)[T]["defaults"];
type Fields<T extends Call> = Omit<Requests[T], "type" | "corr_id">;
/** What a caller passes: all fields but the tag and the number; those with a default may be left out. */
export type Arguments<T extends Call> = Omit<Fields<T>, Defaulted<T>> & Partial<Pick<Fields<T>, Defaulted<T> & keyof Fields<T>>>;

/** What a process sends: events, events of kinds that this version does not know, and chunks of files. */
export type Output = protocol.ProcessEvent | protocol.FileChunk | Extract<protocol.Unknown, { of: "process_event" }>;

/** A request or process failed; `errorClass` is the class of the text, if the protocol knows it. */
export class PieError extends Error {
  override name = "PieError";

  readonly text: string;
  readonly errorClass: ErrorClass | null;

  constructor(what: string, text: string, scope: Scope) {
    super(`${what} failed: ${text}`);
    this.text = text;
    this.errorClass = classOf(text, scope);
  }
}

/** A running process: iterate over it for its output, or wait for its result. */
export class Process implements AsyncIterableIterator<Output> {
  private readonly received: Output[] = [];
  private readonly waiting: PromiseWithResolver[] = [];
  readonly id: string;
  private ended: Error | true | undefined;

  constructor(id: string) {
    this.id = id;
  }

  /** Return the return value as text; throw a PieError if the process failed. */
  async result(): Promise<string> {
    for await (const event of this) {
      if (event.type !== "process_event") continue;
      if (event.event === "return") return event.value;
      if (event.event === "error") throw new PieError(`process ${this.id}`, event.value, "process");
    }
    throw new PieError(`process ${this.id}`, "it has ended", "process");
  }

  async next(): Promise<IteratorResult<Output>> {
    const first = this.received.shift();
    if (first) return { value: first, done: false };
    if (this.ended instanceof Error) throw this.ended;
    if (this.ended) return { value: undefined, done: true };
    return new Promise((resolve, reject) => this.waiting.push({ resolve, reject }));
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Add output; return whether it was the last of the process. */
  add(output: Output): boolean {
    const next = this.waiting.shift();
    if (next) next.resolve({ value: output, done: false });
    else this.received.push(output);
    const terminal = output.type === "process_event" && protocol.EVENTS[output.event].terminal;
    if (terminal) this.end(true);
    return terminal;
  }

  end(reason: Error | true): void {
    this.ended ??= reason;
    for (const { resolve, reject } of this.waiting.splice(0)) {
      if (reason instanceof Error) reject(reason);
      else resolve({ value: undefined, done: true });
    }
  }
}

interface PromiseWithResolver {
  resolve(result: IteratorResult<Output>): void;
  reject(reason: Error): void;
}

interface Pending {
  /** Called while the reply is received, so that no event of a new process arrives before it. */
  reply(ok: boolean, text: string): void;
  fail(reason: Error): void;
}

/** A connection to a server. */
export class Client {
  /** Family of the server. */
  family: protocol.Family = "0.4";
  /** What is wrong with the last frame that was not valid. */
  invalid: protocol.ProtocolError | undefined;
  private number = protocol.BEHAVIOUR.correlation.first as number;
  private readonly pending = new Map<number, Pending>();
  private readonly processes = new Map<string, Process>();

  private readonly socket: WebSocket;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on("message", (data: RawData, isBinary: boolean) => this.receive(data, isBinary));
    socket.on("close", () => this.fail(new PieError("connection", "closed", "connection")));
    socket.on("error", (error: Error) => this.fail(error));
  }

  /** Connect to a server of any family, and identify the user. */
  static async connect(uri: string, user = "typescript"): Promise<Client> {
    const url = new URL(uri);
    const headers: Record<string, string> = {};
    for (const { server } of protocol.FAMILIES) {
      if ("path" in server && url.pathname === "/") url.pathname = server.path;
      if ("identity_header" in server) headers[server.identity_header] = user;
    }
    const socket = new WebSocket(url, { headers, perMessageDeflate: protocol.CONNECTION.extensions.length > 0 });
    await new Promise<void>((resolve, reject) => socket.once("open", () => resolve()).once("error", reject));
    const client = new Client(socket);
    const { text } = await client.call("auth_identify", { username: user });
    client.family = familyOf(true, text) ?? client.family;
    return client;
  }

  /** Send a request and return what its reply carries; throw a PieError if the server refuses it. */
  call<T extends Call>(type: T, fields: Arguments<T>): Promise<protocol.Results[T]> {
    return this.send(type, fields, (result) => result);
  }

  /** Launch a program with a JSON value as input. */
  launch(inferlet: string, input: unknown): Promise<Process> {
    return this.send("launch_process", { inferlet, input: JSON.stringify(input) }, (id) => {
      const process = new Process(id);
      this.processes.set(id, process);
      return process;
    });
  }

  /** Send a text to a process; there is no reply. */
  signal(process: Process, message: string): void {
    this.write({ type: "signal_process", process_id: process.id, message });
  }

  /** Send a file to a process; there is no reply. */
  transfer(process: Process, content: Uint8Array): void {
    const file_hash = digest(content);
    for (const chunk of split(content)) {
      this.write({ type: "transfer_file", process_id: process.id, file_hash, ...chunk });
    }
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.socket.once("close", () => resolve()));
    this.socket.close();
    await closed;
  }

  private send<T extends Call, R>(type: T, fields: Arguments<T>, use: (result: protocol.Results[T]) => R): Promise<R> {
    if (!(protocol.REQUESTS[type].families as readonly string[]).includes(this.family)) {
      return Promise.reject(new PieError(type, `not supported by servers of family ${this.family}`, "request"));
    }
    const number = this.number;
    this.number = number === 2 ** 32 - 1 ? protocol.BEHAVIOUR.correlation.first : number + 1;
    return new Promise((resolve, reject) => {
      const reply = (ok: boolean, text: string): void => {
        if (ok) resolve(use(protocol.decodeResult(type, text)));
        else reject(new PieError(type, text, "request"));
      };
      this.pending.set(number, { reply, fail: reject });
      this.write({ type, corr_id: number, ...protocol.REQUESTS[type].defaults, ...fields } as protocol.ClientMessage);
    });
  }

  private write(message: protocol.ClientMessage): void {
    this.socket.send(pack(protocol.encodeClientMessage(message)));
  }

  private receive(data: RawData, isBinary: boolean): void {
    try {
      if (isBinary) this.dispatch(protocol.decodeServerMessage(unpack(data as Buffer)));
      else protocol.decodeServerTextMessage(JSON.parse(data.toString()));
    } catch (error) {
      // A frame that is not valid does not end the connection.
      if (!(error instanceof protocol.ProtocolError)) throw error;
      this.invalid = error;
    }
  }

  private dispatch(message: protocol.ServerMessage | protocol.Unknown): void {
    if (message.type === "response") {
      const pending = this.pending.get(message.corr_id);
      this.pending.delete(message.corr_id);
      try {
        pending?.reply(message.ok, message.result);
      } catch (error) {
        pending?.fail(error as Error);
      }
    } else if (message.type === "process_event" || message.type === "file") {
      if (this.processes.get(message.process_id)?.add(message)) this.processes.delete(message.process_id);
    } else if (message.type === null && message.of === "process_event") {
      this.processes.get(message.fields.process_id)?.add(message);
    }
  }

  private fail(reason: Error): void {
    for (const pending of this.pending.values()) pending.fail(reason);
    for (const process of this.processes.values()) process.end(reason);
    this.pending.clear();
    this.processes.clear();
  }
}

/** Return the digest of a program or file. */
export function digest(content: Uint8Array): string {
  return bytesToHex(blake3(content));
}

/** Return the fields of each chunk of a program or file; empty content has one chunk. */
export function split(content: Uint8Array): { chunk_index: bigint; total_chunks: bigint; chunk_data: Uint8Array }[] {
  const size = protocol.CHUNK_BYTES;
  const total = Math.max(1, Math.ceil(content.length / size));
  return Array.from({ length: total }, (_, index) => ({
    chunk_index: BigInt(index),
    total_chunks: BigInt(total),
    chunk_data: content.subarray(index * size, (index + 1) * size),
  }));
}
