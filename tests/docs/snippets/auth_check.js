// The browser app of docs/browser.md, in as much of a browser as it needs: a cookie jar, and the headers that pages can't set.
import assert from "node:assert/strict";

const { ORIGIN, PASSWORD } = process.env;

const jar = new Map();
let origin = ORIGIN;
let site = "same-site";
let refused = new Set();
const bodies = [];
const send = globalThis.fetch;
globalThis.fetch = async (url, options = {}) => {
  if (!url.startsWith("http")) {
    const token = options.headers.Authorization.replace("Bearer ", "");
    return new Response(token, { status: refused.has(token) ? 401 : 200 });
  }
  const headers = { ...options.headers, Origin: origin, "Sec-Fetch-Site": site };
  const withCookies = options.credentials === "include";
  if (withCookies && jar.size) headers.Cookie = [...jar].map(([name, value]) => `${name}=${value}`).join("; ");
  const answer = await send(url, { ...options, headers });
  for (const cookie of withCookies ? answer.headers.getSetCookie() : []) {
    assert.match(cookie, /^__Host-.*; Path=\/; .*Secure; HttpOnly; SameSite=Strict$/);
    const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie);
    if (value) jar.set(name, value); else jar.delete(name);
  }
  bodies.push(await answer.clone().text());
  return answer;
};

const { call, resume, signIn, signOut } = await import("./auth.js");
assert.equal(await resume(), undefined, "nobody is signed in");
assert.equal(await signIn("alice", "wrong"), undefined);
assert.ok(await signIn("alice", PASSWORD));
assert.ok(!bodies.at(-1).includes("tkr_") && [...jar.values()].some(value => value.startsWith("tkr_")), "only the cookie has it");
const first = await (await call("api")).text();
refused.add(first);
const second = await (await call("api")).text();
assert.notEqual(second, first, "a refused token is replaced");
const [one, two] = await Promise.all([resume(), resume()]);
assert.ok(one && two, "two tabs refresh at once");

origin = "http://127.0.0.1:5174";
await assert.rejects(signIn("alice", PASSWORD), { status: 403, message: /origin of the request is not allowed/ });
[origin, site] = [ORIGIN, "cross-site"];
await assert.rejects(signIn("alice", PASSWORD), { status: 403, message: /needs the page and this server to be of one site/ });
site = "same-site";

await signOut();
assert.equal(await resume(), undefined, "signed out");
await assert.rejects(call("api"), /signed out/);
