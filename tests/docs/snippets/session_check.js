// The session of docs/first-app.md: signs in, refreshes once for many, keeps its token while the server is down, signs out.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { apiOf } from "./api.js";
import { Session, SignedOut } from "./session.js";

const { TOKEND, PASSWORD } = process.env;

const posts = [];
let broken;
const send = globalThis.fetch;
globalThis.fetch = (url, options) => {
  if (options?.method === "POST") posts.push([new URL(url).pathname, JSON.parse(options.body)]);
  if (broken && /\/(refresh|logout)$/.test(url)) return Promise.resolve(broken());
  return send(url, options);
};
const refreshes = () => posts.filter(([path]) => path === "/refresh").length;

class Storage {
  texts = new Map();
  async get(name) { return this.texts.get(name); }
  async set(name, text) { this.texts.set(name, text); }
  async remove(name) { this.texts.delete(name); }
}

// An API that refuses what is in `refused`.
const refused = new Set();
const api = createServer((request, response) => {
  const token = request.headers.authorization?.replace("Bearer ", "");
  response.writeHead(!token || refused.has(token) ? 401 : 200).end(token);
}).listen(0, "127.0.0.1");
await new Promise(resolve => api.once("listening", resolve));
const url = `http://127.0.0.1:${api.address().port}/`;

const storage = new Storage();
const session = new Session({ server: TOKEND, client: "notes", storage });
await assert.rejects(session.fetch(url), SignedOut);
await assert.rejects(session.signIn("alice", "wrong"), { error: "invalid_grant", status: 401 });
await session.signIn("alice", PASSWORD);
const first = await storage.get("refresh_token");
const access = await (await session.fetch(url)).text();
assert.equal(refreshes(), 0, "a fresh token needs no refresh");

refused.add(access);
const answers = await Promise.all([1, 2, 3].map(() => session.fetch(url)));
assert.deepEqual(answers.map(answer => answer.status), [200, 200, 200]);
assert.equal(refreshes(), 1, "three requests share a refresh");
assert.notEqual(await storage.get("refresh_token"), first);

const axios = apiOf(session, url);
const { data } = await axios.get("/");
refused.add(data);
const both = await Promise.all([axios.get("/"), axios.get("/")]);
assert.deepEqual(both.map(answer => answer.status), [200, 200]);
assert.equal(refreshes(), 2, "requests of axios share a refresh");

const current = await storage.get("refresh_token");
refused.add(both[0].data);
const unavailable = () => new Response('{"error":"temporarily_unavailable","error_description":"Later."}', { status: 503, headers: { "Retry-After": "1" } });
broken = unavailable;
await assert.rejects(session.fetch(url), { status: 503, retryAfter: "1" });
assert.equal(await storage.get("refresh_token"), current, "503 ends nothing");
await assert.rejects(session.signOut(), { status: 503 });
assert.equal(await storage.get("refresh_token"), current, "nor does a sign-out that failed");
broken = undefined;
assert.equal((await session.fetch(url)).status, 200);

const last = await storage.get("refresh_token");
await session.signOut();
assert.equal(await storage.get("refresh_token"), undefined);
await assert.rejects(session.fetch(url), SignedOut);
await storage.set("refresh_token", last);
await assert.rejects(session.fetch(url), SignedOut);
assert.equal(await storage.get("refresh_token"), undefined, "401 forgets the token");

const device = await storage.get("device_token");
assert.match(device, /^tkd_/);
await session.signIn("alice", PASSWORD);
assert.equal(posts.at(-1)[1].device_token, device, "the device is known again");
api.close();
