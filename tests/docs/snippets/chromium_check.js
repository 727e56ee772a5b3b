// The browser app of docs/browser.md in Chromium: what a real browser does with the cookie, on one site and on two.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import puppeteer from "puppeteer-core";

const { BASE, PASSWORD, PORT, TOKEND } = process.env;
const script = readFileSync("auth.js", "utf8");
const files = { "/auth.js": script, "/other-site.js": script.replace(BASE, TOKEND) };
const web = createServer((request, response) => {
  const type = request.url.endsWith(".js") ? "text/javascript" : "text/html";
  response.writeHead(200, { "Content-Type": type }).end(files[request.url] ?? request.headers.authorization ?? "<title>shop</title>");
}).listen(PORT, "127.0.0.1");

const browser = await puppeteer.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
const open = async url => {
  const page = await browser.newPage();
  await page.goto(url);
  return page;
};
// The answer of a function of the app, or the error that it throws. undefined doesn't cross over.
const run = (page, file, name, ...given) => page.evaluate(async (file, name, given) => {
  try {
    return await (await import(file))[name](...given) ?? "none";
  } catch (error) {
    return { message: error.message, status: error.status };
  }
}, file, name, given);

try {
  const page = await open(`http://localhost:${PORT}/`);
  assert.equal(await run(page, "/auth.js", "resume"), "none");
  assert.equal(await run(page, "/auth.js", "signIn", "alice", "wrong"), "none");
  assert.match(await run(page, "/auth.js", "signIn", "alice", PASSWORD), /^eyJ/);
  assert.equal(await page.evaluate(() => document.cookie), "", "no script reads the cookie");

  await page.reload();
  assert.match(await run(page, "/auth.js", "resume"), /^eyJ/, "a reload keeps the user signed in");
  const tab = await open(`http://localhost:${PORT}/tab`);
  assert.match(await run(tab, "/auth.js", "resume"), /^eyJ/, "and so does another tab");

  const refused = await run(page, "/other-site.js", "signIn", "alice", PASSWORD);
  assert.equal(refused.status, 403);
  assert.match(refused.message, /one site/, "localhost and 127.0.0.1 are two sites");
  const foreign = await open(`http://127.0.0.1:${PORT}/`);
  assert.equal((await run(foreign, "/auth.js", "signIn", "alice", PASSWORD)).message, "Failed to fetch", "not a registered origin");

  await run(page, "/auth.js", "signOut");
  assert.equal(await run(tab, "/auth.js", "resume"), "none", "a sign-out is for all tabs");
} finally {
  await browser.close();
  web.close();
}
