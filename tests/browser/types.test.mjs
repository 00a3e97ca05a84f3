// The types of the browser client, by the compiler that its users have.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import * as client from "../../src/web/roomcast.js";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** What the compiler says about a file; nothing, if all is well. */
function compile(path) {
  const flags = ["--noEmit", "--strict", "--skipLibCheck", "false", "--target", "es2022", "--module", "nodenext"];
  const args = [here("node_modules/typescript/bin/tsc"), ...flags, "--lib", "es2022,dom", "--types", "", here(path)];
  return new Promise((resolve) => {
    execFile(process.execPath, args, (error, stdout, stderr) => resolve(error ? stdout + stderr + error.message : ""));
  });
}

test("every export can be used as it is meant to be, and not otherwise", async () => {
  assert.equal(await compile("types/uses.ts"), "");
});

test("no export is left unused", async () => {
  const [text, uses] = await Promise.all(["../../src/web/roomcast.d.ts", "types/uses.ts"].map((path) => readFile(here(path), "utf8")));
  const exported = [...text.matchAll(/^export (?:const|class|function|interface|type) (\w+)/gm)].map(([, name]) => name);
  assert.ok(exported.length > 20, `only ${exported.length} exports were found`);
  const unused = exported.filter((name) => uses.match(new RegExp(`\\b${name}\\b`, "g"))?.length < 2);
  assert.deepEqual(unused, []);
});

test("what is typed is there, and what is there is typed", async () => {
  const text = await readFile(here("../../src/web/roomcast.d.ts"), "utf8");
  const typed = [...text.matchAll(/^export (?:const|class|function) (\w+)/gm)].map(([, name]) => name);
  assert.deepEqual(typed.sort(), Object.keys(client).sort());
  const members = [...text.matchAll(/^ {2}(?:readonly )?(\w+)[<(:]/gm)].map(([, name]) => name);
  const own = Object.getOwnPropertyNames(client.Connection.prototype);
  assert.deepEqual(own.filter((name) => !members.includes(name)), []);
});
