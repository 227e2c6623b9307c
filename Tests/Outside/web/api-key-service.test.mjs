/** Runs the cases in Node, with its own test runner. LATCHKEY_ENV holds `env` as JSON. */
import { test } from "node:test";
import { register } from "node:module";

// `api-key-service` is a bare name here and in the browser, where an import map says what it stands for.
const source = `export const resolve = (name, context, next) =>
  next(name === "api-key-service" ? ${JSON.stringify(process.env.LATCHKEY_MODULE)} : name, context);`;
register(`data:text/javascript,${encodeURIComponent(source)}`);
const env = JSON.parse(process.env.LATCHKEY_ENV);
const { cases } = await import("./cases.mjs");
for (const [name, run] of Object.entries(cases)) test(name, () => run({ ...env, run: "node" }));
