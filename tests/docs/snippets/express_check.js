// The API of docs/protect-an-api.md that verifies signatures.
import assert from "node:assert/strict";
import { app } from "./app.js";

const { GOOD, NARROW, OTHER, UNTYPED } = process.env;
const server = app.listen(0, "127.0.0.1");
await new Promise(resolve => server.once("listening", resolve));

const ask = async token => {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const answer = await fetch(`http://127.0.0.1:${server.address().port}/orders`, { headers });
  return [answer.status, answer.headers.get("WWW-Authenticate"), await answer.text()];
};

const [status, , body] = await ask(GOOD);
assert.equal(status, 200);
assert.deepEqual(JSON.parse(body).roles, ["editor"]);
assert.deepEqual((await ask()).slice(0, 2), [401, "Bearer"]);
const invalid = [401, 'Bearer error="invalid_token"'];
const forged = GOOD.split(".").with(1, OTHER.split(".")[1]).join(".");
for (const token of ["x", OTHER, UNTYPED, forged]) assert.deepEqual((await ask(token)).slice(0, 2), invalid);
assert.deepEqual((await ask(NARROW)).slice(0, 2), [403, 'Bearer error="insufficient_scope", scope="orders:read"']);
server.close();
server.closeAllConnections();
