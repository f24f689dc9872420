/**
 * Write a service for aictl in Deno, with what Deno itself has.
 *
 *     import { Invalid, Service } from "./mod.ts";
 *
 *     const service = new Service();
 *     service.operation("greet", (data: { name?: string }, call) => {
 *       if (!data.name) throw new Invalid("name is missing");
 *       return { text: `Hello, ${data.name}` };
 *     });
 *     service.run();
 *
 * A handler takes the call's input and the Call, and returns the answer (or a
 * promise of it), or is a generator that yields its parts: those are streamed
 * as server-sent events to a caller who asked for that, each when the caller
 * has room for it, and sent as a list to one who did not.
 *
 * The supervisor says where to listen (AICTL_SOCKET, or AICTL_HOST and
 * AICTL_PORT), asks /readyz before it sends calls, and ends the service by
 * SIGTERM: it then takes no new calls, finishes those in flight and exits.
 * Run it with no more than it needs:
 *
 *     deno run --no-prompt --unstable-no-legacy-abort --allow-env --allow-net=unix:$AICTL_SOCKET
 *       --allow-read=$AICTL_SOCKET --allow-write=$AICTL_SOCKET main.ts
 *
 * Print nothing secret: stdout and stderr are the service's log.
 */

/** An error that the caller sees: a code of aictl, and a message. */
export class PluginError extends Error {
  constructor(message: string, readonly code = "failed", readonly status = 500) {
    super(message);
  }
}

/** The input is wrong; the message says how to mend it. */
export class Invalid extends PluginError {
  constructor(message: string) {
    super(message, "usage", 400);
  }
}

/** One call. `signal` aborts when the caller goes away: pass it on. */
export class Call {
  readonly requestId: string;
  readonly traceparent: string;
  readonly streaming: boolean;
  constructor(readonly operation: string, headers: Headers, readonly signal: AbortSignal) {
    this.requestId = headers.get("X-Request-Id") ?? "";
    this.traceparent = headers.get("traceparent") ?? "";
    this.streaming = (headers.get("Accept") ?? "").includes("text/event-stream");
  }

  /** Write one line of the service's log, with the call's ids. */
  log(message: string, level = "info", fields: Record<string, unknown> = {}) {
    const parts = this.traceparent.split("-");
    writeLog(level, message, {
      ...(this.requestId && { "http.request.id": this.requestId }),
      ...(parts.length === 4 && { "trace.id": parts[1] }),
      ...fields,
    });
  }
}

/** Write one line in the Elastic Common Schema to stdout. */
export function writeLog(level: string, message: string, fields: Record<string, unknown> = {}) {
  console.log(JSON.stringify({
    "@timestamp": new Date().toISOString(),
    "log.level": level,
    message,
    "service.name": Deno.env.get("AICTL_SERVICE") ?? "",
    ...fields,
  }));
}

/** What a handler gives: an answer, a promise of it, or its parts. */
export type Answer = unknown | Promise<unknown> | AsyncGenerator | Generator;
// deno-lint-ignore no-explicit-any -- the input is what the operation's schema says
export type Handler = (data: any, call: Call) => Answer;

type Parts = AsyncIterator<unknown> | Iterator<unknown>;
const isParts = (v: unknown): v is Parts => typeof (v as Parts | undefined)?.next === "function";
const problem = (status: number, code: string, detail: string) => ({
  type: "about:blank",
  title: code,
  status,
  code,
  detail,
});
const known = (e: unknown, operation: string) =>
  e instanceof PluginError
    ? problem(e.status, e.code, e.message)
    : problem(500, "internal", `${operation} failed; the service's log has the cause`);
const number = (name: string, fallback: number) => Number(Deno.env.get(name) ?? fallback);
const text = new TextEncoder();

export class Service {
  #operations = new Map<string, Handler>();
  #checks: (() => boolean | Promise<boolean>)[] = [];
  #draining = false;
  #running = 0;
  #slots = number("AICTL_CONCURRENCY", 64);
  #maxBody = number("AICTL_MAX_BODY", 8 << 20);

  /** Register a handler: a function, or a generator, of the input and the Call. */
  operation(name: string, handler: Handler): this {
    this.#operations.set(name, handler);
    return this;
  }

  /** Register a check: the service is ready when all of them return true. */
  ready(check: () => boolean | Promise<boolean>): this {
    this.#checks.push(check);
    return this;
  }

  /** Serve until SIGTERM, and then until the last call is answered. */
  async run(): Promise<void> {
    const path = Deno.env.get("AICTL_SOCKET"), port = Deno.env.get("AICTL_PORT");
    const hostname = Deno.env.get("AICTL_HOST") ?? "127.0.0.1";
    if (!path && !port) {
      console.error("neither AICTL_SOCKET nor AICTL_PORT is set: start this service with `aictl deploy apply -f plugin.yaml`");
      Deno.exit(1);
    }
    const quiet = { onListen: () => {}, onError: (e: unknown) => this.#lost(e) };
    const handler = (req: Request) => this.#serve(req);
    const server = path
      ? Deno.serve({ ...quiet, path }, handler)
      : Deno.serve({ ...quiet, hostname, port: Number(port) }, handler);
    const stop = () => {
      if (this.#draining) return;
      this.#draining = true;
      const limit = setTimeout(() => Deno.exit(1), 1000 * number("AICTL_DRAIN", 10));
      server.shutdown().then(() => clearTimeout(limit));
    };
    Deno.addSignalListener("SIGTERM", stop);
    Deno.addSignalListener("SIGINT", stop);
    await server.finished;
    Deno.exit(0);
  }

  #lost(e: unknown): Response {
    writeLog("error", "the call failed", { "error.stack_trace": String((e as Error)?.stack ?? e) });
    return send(500, problem(500, "internal", "the call failed; the service's log has the cause"));
  }

  async #serve(req: Request): Promise<Response> {
    const { pathname } = new URL(req.url);
    if (req.method === "GET" && pathname === "/livez") return send(200, { live: true });
    if (req.method === "GET" && pathname === "/readyz") {
      const ready = !this.#draining && (await Promise.all(this.#checks.map((c) => c()))).every(Boolean);
      return send(ready ? 200 : 503, { ready });
    }
    const name = pathname.startsWith("/invoke/") ? pathname.slice("/invoke/".length) : "";
    const handler = this.#operations.get(name);
    if (req.method !== "POST" || !handler) {
      return send(404, problem(404, "notfound", `there is no ${req.method} ${pathname}`));
    }
    if (this.#running >= this.#slots) {
      return send(429, problem(429, "limited", "all slots of this replica are taken"), { "Retry-After": "1" });
    }
    this.#running++;
    let streaming = false;
    const release = () => void this.#running--;
    const call = new Call(name, req.headers, req.signal);
    try {
      const result = await handler(await this.#input(req), call);
      if (!call.streaming) return send(200, isParts(result) ? await collect(result) : result);
      const parts: Parts = isParts(result) ? result : [result].values();
      // The first part decides between an answer and an error: a failure
      // before it still has a status of its own.
      const first = await parts.next();
      streaming = true;
      return new Response(this.#stream(parts, first, call, release), { headers: { "Content-Type": "text/event-stream" } });
    } catch (e) {
      this.#blame(e, call);
      const p = known(e, name);
      return send(p.status, p);
    } finally {
      if (!streaming) release();
    }
  }

  #stream(parts: Parts, first: IteratorResult<unknown>, call: Call, release: () => void): ReadableStream<Uint8Array> {
    let part: IteratorResult<unknown> | undefined = first;
    let over = false;
    const end = () => {
      if (!over) release();
      over = true;
    };
    return new ReadableStream({
      pull: async (to) => {
        try {
          part ??= await parts.next();
          if (!part.done) {
            to.enqueue(text.encode(`data: ${JSON.stringify(part.value)}\n\n`));
            part = undefined;
            return;
          }
          to.enqueue(text.encode("event: done\ndata: [DONE]\n\n"));
        } catch (e) {
          this.#blame(e, call);
          to.enqueue(text.encode(`event: error\ndata: ${JSON.stringify(known(e, call.operation))}\n\n`));
        }
        end();
        to.close();
      },
      cancel: async () => {
        end();
        await parts.return?.(undefined);
      },
    });
  }

  #blame(e: unknown, call: Call) {
    if (e instanceof PluginError) return;
    call.log(`${call.operation} failed: ${(e as Error)?.name}`, "error", {
      "error.stack_trace": String((e as Error)?.stack ?? e),
    });
  }

  async #input(req: Request): Promise<unknown> {
    const declared = Number(req.headers.get("Content-Length") ?? 0);
    if (declared > this.#maxBody) throw this.#tooLarge();
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of req.body ?? []) {
      if ((size += chunk.length) > this.#maxBody) throw this.#tooLarge();
      chunks.push(chunk);
    }
    if (!size) return {};
    try {
      return JSON.parse(await new Blob(chunks as BlobPart[]).text());
    } catch (e) {
      throw new Invalid(`the input is no JSON: ${(e as Error).message}`);
    }
  }

  #tooLarge() {
    return new PluginError(`the input is over ${this.#maxBody} bytes`, "too_large", 413);
  }
}

async function collect(parts: Parts): Promise<unknown[]> {
  const all = [];
  for (let p = await parts.next(); !p.done; p = await parts.next()) all.push(p.value);
  return all;
}

function send(status: number, value: unknown, headers: Record<string, string> = {}): Response {
  const type = status < 300 || status === 503 ? "application/json" : "application/problem+json";
  return new Response(JSON.stringify(value ?? null), { status, headers: { "Content-Type": type, ...headers } });
}
