/**
 * Write a service for aictl in Node.js, with its own modules alone.
 *
 *     import { Service, Invalid } from "./aictl-plugin.mjs";
 *
 *     const service = new Service();
 *     service.operation("greet", (data, call) => {
 *       if (!data.name) throw new Invalid("name is missing");
 *       return { text: `Hello, ${data.name}` };
 *     });
 *     service.run();
 *
 * A handler takes the call's input and the Call, and returns the answer (or a
 * promise of it), or is a generator that yields its parts: those are streamed
 * as server-sent events to a caller who asked for that, each as soon as the
 * caller has read the one before, and sent as a list to one who did not.
 *
 * The supervisor says where to listen (AICTL_SOCKET, or AICTL_HOST and
 * AICTL_PORT), asks /readyz before it sends calls, and ends the service by
 * SIGTERM: it then takes no new calls, finishes those in flight and exits.
 * At most AICTL_CONCURRENCY calls run at a time (64 by default); what is over
 * that is refused with 429. Print nothing secret: stdout is the service's log.
 */
import { createServer } from "node:http";
import { once } from "node:events";
import { rmSync } from "node:fs";

/** An error that the caller sees: a code of aictl, and a message. */
export class PluginError extends Error {
  constructor(message, code = "failed", status = 500) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

/** The input is wrong; the message says how to mend it. */
export class Invalid extends PluginError {
  constructor(message) {
    super(message, "usage", 400);
  }
}

/** One call. `signal` aborts when the caller goes away: pass it on. */
export class Call {
  constructor(operation, headers, signal) {
    this.operation = operation;
    this.requestId = headers["x-request-id"] ?? "";
    this.traceparent = headers["traceparent"] ?? "";
    this.streaming = (headers["accept"] ?? "").includes("text/event-stream");
    this.signal = signal;
  }

  /** Write one line of the service's log, with the call's ids. */
  log(message, level = "info", fields = {}) {
    const parts = this.traceparent.split("-");
    writeLog(level, message, {
      ...(this.requestId && { "http.request.id": this.requestId }),
      ...(parts.length === 4 && { "trace.id": parts[1] }),
      ...fields,
    });
  }
}

/** Write one line in the Elastic Common Schema to stdout. */
export function writeLog(level, message, fields = {}) {
  process.stdout.write(JSON.stringify({
    "@timestamp": new Date().toISOString(), "log.level": level, message,
    "service.name": process.env.AICTL_SERVICE ?? "", ...fields,
  }) + "\n");
}

const problem = (status, code, detail) => ({ type: "about:blank", title: code, status, code, detail });
const known = (e, operation) =>
  e instanceof PluginError ? problem(e.status, e.code, e.message)
    : problem(500, "internal", `${operation} failed; the service's log has the cause`);

export class Service {
  #operations = new Map();
  #checks = [];
  #draining = false;
  #running = 0;
  #slots = Number(process.env.AICTL_CONCURRENCY ?? 64);
  #maxBody = Number(process.env.AICTL_MAX_BODY ?? 8 << 20);

  /** Register a handler: a function, or a generator, of the input and the Call. */
  operation(name, handler) {
    this.#operations.set(name, handler);
    return this;
  }

  /** Register a check: the service is ready when all of them return true. */
  ready(check) {
    this.#checks.push(check);
    return this;
  }

  /** Serve until SIGTERM, and then until the last call is answered. */
  run() {
    const server = createServer((req, res) => {
      this.#serve(req, res).catch((e) => {
        writeLog("error", "the connection failed", { "error.stack_trace": String(e?.stack ?? e) });
        res.destroy();
      });
    });
    server.keepAliveTimeout = 120_000;
    server.headersTimeout = 10_000;
    server.requestTimeout = 60_000;
    const stop = () => {
      if (this.#draining) return;
      this.#draining = true;
      server.close(() => process.exit(0));
      server.closeIdleConnections();
      setTimeout(() => process.exit(1), 1000 * Number(process.env.AICTL_DRAIN ?? 10)).unref();
    };
    process.on("SIGTERM", stop).on("SIGINT", stop);
    // A log that nobody reads any more must not end the service.
    process.stdout.on("error", () => {});
    const { AICTL_SOCKET: path, AICTL_HOST: host = "127.0.0.1", AICTL_PORT: port } = process.env;
    if (path) {
      rmSync(path, { force: true });
      const before = process.umask(0o177);
      server.listen({ path, backlog: 512 }, () => process.umask(before));
    } else if (port) {
      server.listen({ host, port: Number(port), backlog: 512 });
    } else {
      console.error("neither AICTL_SOCKET nor AICTL_PORT is set: start this service with `aictl deploy apply -f plugin.yaml`");
      process.exit(1);
    }
    return server;
  }

  async #serve(req, res) {
    if (this.#draining) res.setHeader("Connection", "close");
    const url = req.url ?? "";
    if (req.method === "GET" && url === "/livez") return send(res, 200, { live: true });
    if (req.method === "GET" && url === "/readyz") {
      const ready = !this.#draining && (await Promise.all(this.#checks.map((c) => c()))).every(Boolean);
      return send(res, ready ? 200 : 503, { ready });
    }
    const name = url.startsWith("/invoke/") ? url.slice("/invoke/".length) : "";
    const handler = this.#operations.get(name);
    if (req.method !== "POST" || !handler) return refuse(req, res, problem(404, "notfound", `there is no ${req.method} ${url}`));
    if (this.#running >= this.#slots) {
      res.setHeader("Retry-After", "1");
      return refuse(req, res, problem(429, "limited", "all slots of this replica are taken"));
    }
    this.#running++;
    try {
      await this.#invoke(name, handler, req, res);
    } finally {
      this.#running--;
      if (this.#draining) req.socket.end();
    }
  }

  async #invoke(name, handler, req, res) {
    const gone = new AbortController();
    res.on("close", () => res.writableFinished || gone.abort());
    const call = new Call(name, req.headers, gone.signal);
    let parts;
    try {
      const data = await this.#input(req);
      const result = await handler(data, call);
      parts = result?.[Symbol.asyncIterator] ?? (typeof result?.next === "function") ? result : undefined;
      if (!call.streaming) return send(res, 200, parts ? await collect(parts) : result);
      parts ??= [result].values();
      // The first part decides between an answer and an error: a failure
      // before it still has a status of its own.
      let part = await parts.next();
      res.writeHead(200, { "Content-Type": "text/event-stream" });
      try {
        for (; !part.done && !gone.signal.aborted; part = await parts.next()) await event(res, gone.signal, part.value);
        res.end("event: done\ndata: [DONE]\n\n");
      } catch (e) {
        if (gone.signal.aborted) return;
        this.#blame(e, call);
        res.end(`event: error\ndata: ${JSON.stringify(known(e, name))}\n\n`);
      }
    } catch (e) {
      if (gone.signal.aborted) return;
      this.#blame(e, call);
      const p = known(e, name);
      if (p.status === 413) res.setHeader("Connection", "close");
      send(res, p.status, p, "application/problem+json");
    } finally {
      await parts?.return?.();
    }
  }

  #blame(e, call) {
    if (!(e instanceof PluginError)) call.log(`${call.operation} failed: ${e?.name}`, "error", { "error.stack_trace": String(e?.stack ?? e) });
  }

  async #input(req) {
    const chunks = [];
    let size = 0;
    for await (const chunk of req) {
      if ((size += chunk.length) > this.#maxBody) throw new PluginError(`the input is over ${this.#maxBody} bytes`, "too_large", 413);
      chunks.push(chunk);
    }
    if (!size) return {};
    try {
      return JSON.parse(Buffer.concat(chunks).toString("utf8"));
    } catch (e) {
      throw new Invalid(`the input is no JSON: ${e.message}`);
    }
  }
}

async function collect(parts) {
  const all = [];
  for (let p = await parts.next(); !p.done; p = await parts.next()) all.push(p.value);
  return all;
}

// event waits where the caller reads slower than the handler yields.
async function event(res, signal, value) {
  if (!res.write(`data: ${JSON.stringify(value)}\n\n`)) await once(res, "drain", { signal });
}

function send(res, status, value, type = "application/json") {
  const body = Buffer.from(JSON.stringify(value ?? null));
  res.writeHead(status, { "Content-Type": type, "Content-Length": body.length });
  res.end(body);
}

function refuse(req, res, p) {
  req.resume();
  send(res, p.status, p, "application/problem+json");
}
