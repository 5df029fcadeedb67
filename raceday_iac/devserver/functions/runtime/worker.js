// Runs a Node function as the open-runtimes v5 server does. Same protocol as worker.py; see there.
"use strict";
const fs = require("fs");
const net = require("net");
const path = require("path");

const LONGEST_LOG = 8000;
const NATIVE_NOTE = "Native logs detected. Use context.log() or context.error() for better experience.\n";
const channel = new net.Socket({ fd: Number(process.argv[2]), readable: true, writable: true });
const entrypoint = path.join(process.cwd(), "function", process.argv[3]);

// The executor holds the other end of our stdin: its end means that the executor is gone.
process.stdin.on("end", () => process.kill(-process.pid, "SIGKILL")).resume();

function asText(message) {
  if (message instanceof Error) return message.stack || String(message);
  return typeof message === "object" && message !== null ? JSON.stringify(message) : String(message);
}

function append(file, messages) {
  if (!file) return;
  let text = messages.map(asText).join(" ");
  if (text.length > LONGEST_LOG) {
    text = text.slice(0, LONGEST_LOG) + `... Log truncated due to size limit (${LONGEST_LOG} characters)`;
  }
  fs.appendFileSync(file, text + "\n");
}

function requestOf(given) {
  const body = Buffer.from(given.body, "base64");
  const headers = {};
  for (const [name, value] of Object.entries(given.headers)) headers[name.toLowerCase()] = value;
  const [pathname, queryString = ""] = given.path.split(/\?(.*)/s);
  const query = {};
  for (const pair of queryString.split("&")) {
    const [name, ...rest] = pair.split("=");
    if (name) query[name] = rest.join("=");
  }
  const scheme = headers["x-forwarded-proto"] || "http";
  const [host, port = scheme === "https" ? "443" : "80"] = (headers.host || "").split(":");
  const contentType = (headers["content-type"] || "text/plain").toLowerCase();
  return {
    method: given.method, headers, path: pathname, query, queryString, scheme, host, port: Number(port),
    url: `${scheme}://${headers.host || ""}${given.path}`,
    get bodyBinary() { return body; },
    get bodyText() { return body.toString(); },
    get bodyRaw() { return body.toString(); },
    get bodyJson() { return JSON.parse(body.toString()); },
    get body() {
      if (contentType.startsWith("application/json")) return body.length ? this.bodyJson : {};
      return /^(application|audio|font|image|video)\//.test(contentType) ? body : this.bodyText;
    },
  };
}

const response = {
  binary: (body, statusCode = 200, headers = {}) => ({ body, statusCode, headers }),
  text: (body, statusCode = 200, headers = {}) => ({ body: Buffer.from(String(body)), statusCode, headers }),
  send: (body, statusCode = 200, headers = {}) => response.text(body, statusCode, headers),
  json: (value, statusCode = 200, headers = {}) =>
    response.text(JSON.stringify(value), statusCode, { ...headers, "content-type": "application/json" }),
  empty: () => response.text("", 204),
  redirect: (url, statusCode = 301, headers = {}) => response.text("", statusCode, { ...headers, location: url }),
};

async function load() {
  let loaded;
  try {
    loaded = require(entrypoint);
  } catch (problem) {
    if (problem.code !== "ERR_REQUIRE_ESM" && !(problem instanceof SyntaxError)) throw problem;
    loaded = await import(entrypoint);
  }
  const main = loaded.default ? (loaded.default.default || loaded.default) : loaded;
  if (typeof main !== "function") throw new Error("User function is not valid.");
  return main;
}

async function execute(context) {
  let main;
  try {
    main = await load();
  } catch (problem) {
    context.error(problem);
    return response.text("", 503);
  }
  try {
    const output = await main(context);
    if (output !== null && output !== undefined) return output;
    context.error("Return statement missing. return context.res.empty() if no response is expected.");
  } catch (problem) {
    context.error(problem);
  }
  return response.text("", 500);
}

function captureConsole(file) {
  const originals = {};
  let noted = false;
  for (const name of ["log", "info", "debug", "warn", "error"]) {
    originals[name] = console[name];
    console[name] = (...messages) => {
      if (file && !noted) fs.appendFileSync(file, NATIVE_NOTE);
      noted = true;
      append(file, messages);
    };
  }
  return () => Object.assign(console, originals);
}

async function serve(given) {
  const context = {
    req: requestOf(given), res: response,
    log: (...messages) => append(given.logs, messages),
    error: (...messages) => append(given.errors, messages),
  };
  const release = captureConsole(given.logs);
  let output;
  try {
    output = await execute(context);
  } finally {
    release();
  }
  const headers = {};
  for (const [name, value] of Object.entries(output.headers || {})) {
    if (!name.toLowerCase().startsWith("x-open-runtimes-")) headers[name.toLowerCase()] = String(value);
  }
  headers["content-type"] = headers["content-type"] || "text/plain";
  const body = Buffer.isBuffer(output.body) ? output.body : Buffer.from(String(output.body ?? ""));
  return { status: Number(output.statusCode ?? 200), headers, body: body.toString("base64") };
}

let received = Buffer.alloc(0);
let busy = Promise.resolve();
channel.on("data", (chunk) => {
  received = Buffer.concat([received, chunk]);
  while (received.length >= 4 && received.length >= 4 + received.readUInt32BE(0)) {
    const size = received.readUInt32BE(0);
    const given = JSON.parse(received.subarray(4, 4 + size).toString());
    received = received.subarray(4 + size);
    busy = busy.then(() => serve(given)).then((answer) => {
      const raw = Buffer.from(JSON.stringify(answer));
      const head = Buffer.alloc(4);
      head.writeUInt32BE(raw.length);
      channel.write(Buffer.concat([head, raw]));
    });
  }
});
channel.on("end", () => process.exit(0));
channel.on("error", () => process.exit(0));
