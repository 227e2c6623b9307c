/**
 * What APIKeyService promises, as functions that run alike in Node and in a browser.
 * Each takes `env`: where the service and the scripted service are, and tokens for it.
 */
import { APIKeyService, ProblemError } from "api-key-service";

let counter = 0;

/** A scripted service of its own for one case: `endpoint`, and `seen()` for what it was asked. */
async function scripted(env, ...steps) {
  const name = `${env.run}-${(counter += 1)}`;
  await fetch(`${env.scripted}/plan/${name}`, { method: "POST", body: JSON.stringify(steps) });
  const seen = async () => (await fetch(`${env.scripted}/seen/${name}`)).json();
  return { endpoint: `${env.scripted}/${name}`, seen };
}

function equal(found, wanted, what = "value") {
  const [one, other] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (one !== other) throw new Error(`${what}: ${one} instead of ${other}`);
}

function holds(condition, what) {
  if (!condition) throw new Error(`not so: ${what}`);
}

async function failure(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("did not fail");
}

async function problem(promise, code) {
  const error = await failure(promise);
  holds(error instanceof ProblemError && error instanceof Error, `a ProblemError: ${error.stack}`);
  equal(error.code, code, "code");
  return error;
}

const fakeKey = (env, behaviour) => `sk-fake-${behaviour}-${env.run}-${String((counter += 1)).padStart(8, "0")}`;
const asUser = (env, rest = {}) => new APIKeyService({ endpoint: env.service, token: env.token, ...rest });
const refusal = (status, code, more = {}) => ({
  status,
  type: "application/problem+json",
  body: {
    type: `urn:latchkey:error:${code}`,
    title: "No",
    status,
    code,
    detail: `no: ${code}`,
    request_id: "r-1",
    ...more,
  },
});

export const cases = {
  async "a key is stored, checked, listed, checked again, removed"(env) {
    const service = asUser(env);
    const key = await service.setKey("openai", fakeKey(env, "valid"), { name: "work", label: "Work" });
    equal([key.provider, key.name, key.label, key.verdict, key.is_valid], ["openai", "work", "Work", "valid", true]);
    const status = await service.getStatus();
    holds(
      status.keys.some((key) => key.name === "work"),
      "it is in the status",
    );
    equal((await service.validateKey("openai", { name: "work" })).verdict, "valid");
    equal(await service.removeKey("openai", { name: "work" }), { deleted: 1, provider: "openai", name: "work" });
    await service.setKey("openai", fakeKey(env, "invalid"));
    equal(await service.clearKeys(), { deleted: 1 });
    equal((await service.getStatus()).keys, []);
  },

  async "another key becomes the default"(env) {
    const service = asUser(env);
    await service.setKey("openai", fakeKey(env, "valid"), { label: "first" });
    await service.setKey("openai", fakeKey(env, "valid"), { label: "second", name: "work" });
    await service.setDefault("openai", "work");
    const { keys } = await service.getStatus();
    equal(keys.map((key) => [key.name, key.label]).sort(), [
      ["default", "second"],
      ["work", "first"],
    ]);
    await problem(service.setDefault("openai", "nowhere"), "key_not_found");
    await service.clearKeys();
  },

  async "the catalogue needs nobody"(env) {
    const { providers } = await new APIKeyService({ endpoint: env.service }).listProviders();
    holds(
      providers.some(({ id, keys_url }) => id === "openai" && keys_url.startsWith("https://")),
      "openai is in it",
    );
  },

  async "switches, usage, activity, budgets and tokens are there"(env) {
    const service = asUser(env);
    equal(await service.putSettings({ key_failover: true }), { global_fallback: true, key_failover: true });
    equal((await service.getSettings()).key_failover, true);
    equal((await service.getUsage({ by: ["day", "model"], from: "2026-01-01", to: "2026-02-01" })).by, [
      "day",
      "model",
    ]);
    holds((await service.getUsageCSV({ from: "2026-01-01", to: "2026-02-01" })).startsWith("day,requests,"), "CSV");
    equal((await service.listUsageEvents({ limit: 5 })).events, []);
    const budget = await service.setBudget({ metric: "money", per: "month", amount_usd: "20" });
    equal(budget.amount, 20000000);
    equal((await service.listBudgets()).budgets.length, 1);
    equal(await service.removeBudget({ metric: "money", per: "month" }), { deleted: 1 });
    const made = await service.createAccessToken({ scopes: ["gateway"], label: "laptop" });
    const rolled = await service.rollAccessToken(made.id, { overlap_seconds: 0 });
    holds(rolled.token !== made.token, "a new token");
    equal(await service.revokeAccessToken(rolled.id), { id: rolled.id, revoked: true });
    holds((await service.listAccessTokens()).access_tokens.length >= 2, "both are listed");
    holds(Array.isArray((await service.getActivity({ limit: 5 })).events), "activity");
  },

  async "before anybody is signed in, the set-up token's endpoints are used"(env) {
    let token = null;
    const service = new APIKeyService({ endpoint: env.service, setupToken: env.setupToken, token: () => token });
    equal((await service.getStatus()).setup_finished, false);
    const key = await service.setKey("openrouter", fakeKey(env, "valid"));
    equal([key.source, key.verdict], ["global", "valid"]);
    await problem(service.getSettings(), "not_signed_in");
    token = env.token;
    const status = await service.getStatus();
    equal(status.user_id, env.user);
    equal(status.providers.openrouter.source, "global");
  },

  async "without a token nothing is sent"(env) {
    const { endpoint, seen } = await scripted(env, { body: {} });
    const error = await problem(new APIKeyService({ endpoint }).getStatus(), "not_signed_in");
    equal([error.status, await seen()], [0, []]);
  },

  async "a problem document becomes a ProblemError"(env) {
    const error = await problem(asUser(env).setKey("openai", "sk-…1234"), "invalid_key_format").catch(() =>
      problem(asUser(env).setKey("openai", "********"), "masked_key"),
    );
    equal(error.status, 400);
    holds(error.detail.length > 10 && error.message === error.detail && error.requestId, "detail and request id");
    equal(JSON.parse(JSON.stringify(error)).code, error.code, "as JSON");
    const { endpoint } = await scripted(env, {
      ...refusal(429, "budget_exceeded", { hint: "wait" }),
      headers: { "Retry-After": "30" },
    });
    const limited = await problem(new APIKeyService({ endpoint, token: "t" }).getStatus(), "budget_exceeded");
    equal([limited.retryAfter, limited.hint, limited.title, limited.requestId], [30, "wait", "No", "r-1"]);
  },

  async "an answer that is not ours is said to be so"(env) {
    const html = { status: 502, text: "<html><script>alert(1)</script>", type: "text/html" };
    const { endpoint } = await scripted(
      env,
      html,
      { status: 200, text: "<html>", type: "text/html" },
      { status: 200, body: { detail: [{ msg: "x" }] } },
    );
    const service = new APIKeyService({ endpoint, token: "t" });
    const error = await problem(service.getStatus(), "unexpected_answer");
    equal([error.status, error.detail], [502, "The service answered with status 502."]);
    await problem(service.getStatus(), "unexpected_answer");
  },

  async "reading is repeated after a broken connection"(env) {
    const { endpoint, seen } = await scripted(env, { close: true }, { body: { user_id: "u" } });
    equal((await new APIKeyService({ endpoint, token: "t" }).getStatus()).user_id, "u");
    holds((await seen()).length >= 2, "asked again");
  },

  async "reading is repeated when the service says when, and not before"(env) {
    for (const status of [429, 503]) {
      const wait = { ...refusal(status, "too_busy"), headers: { "Retry-After": "1" } };
      const { endpoint, seen } = await scripted(env, wait, { body: { user_id: "u" } });
      equal((await new APIKeyService({ endpoint, token: "t" }).getStatus()).user_id, "u");
      const [first, second] = await seen();
      holds(second.at - first.at >= 0.99, `waited ${second.at - first.at} s`);
    }
  },

  async "reading is given up after its repeats, and not repeated for what a repeat cannot mend"(env) {
    const busy = { ...refusal(503, "too_busy"), headers: { "Retry-After": "0" } };
    for (const [step, wanted] of [
      [busy, 3],
      [refusal(503, "store_unavailable"), 1],
      [refusal(500, "internal"), 1],
      [refusal(404, "not_found"), 1],
    ]) {
      const { endpoint, seen } = await scripted(env, step);
      await problem(new APIKeyService({ endpoint, token: "t" }).getStatus(), step.body.code);
      equal((await seen()).length, wanted, `requests for ${step.body.code}`);
    }
    const far = await scripted(env, { ...refusal(503, "too_busy"), headers: { "Retry-After": "3600" } });
    await problem(new APIKeyService({ endpoint: far.endpoint, token: "t" }).getStatus(), "too_busy");
    equal((await far.seen()).length, 1, "requests for an hour's wait");
  },

  async "nothing that changes something is sent twice"(env) {
    const changes = [
      (service) => service.setKey("openai", "k"),
      (service) => service.validateKey("openai"),
      (service) => service.removeKey("openai"),
      (service) => service.clearKeys(),
      (service) => service.setDefault("openai", "work"),
      (service) => service.putSettings({ global_fallback: false }),
      (service) => service.createAccessToken({ scopes: ["gateway"] }),
    ];
    for (const change of changes) {
      for (const step of [
        { ...refusal(503, "too_busy"), headers: { "Retry-After": "0" } },
        { ...refusal(429, "too_busy"), headers: { "Retry-After": "0" } },
      ]) {
        const { endpoint, seen } = await scripted(env, step);
        await problem(change(new APIKeyService({ endpoint, token: "t" })), "too_busy");
        equal((await seen()).length, 1, "requests");
      }
      let calls = 0;
      const broken = async () => {
        calls += 1;
        throw new TypeError("connection lost");
      };
      await problem(change(new APIKeyService({ endpoint: env.service, token: "t", fetch: broken })), "network_error");
      equal(calls, 1, "requests over a broken connection");
    }
  },

  async "a token callback is asked again once after a 401"(env) {
    const asked = [];
    const token = async ({ renew }) => {
      asked.push(renew);
      return renew ? "fresh" : "stale";
    };
    const { endpoint, seen } = await scripted(env, refusal(401, "unauthorized"), { body: { deleted: 0 } });
    equal(await new APIKeyService({ endpoint, token }).clearKeys(), { deleted: 0 });
    equal(asked, [false, true]);
    equal(
      (await seen()).map(({ headers }) => headers.authorization),
      ["Bearer stale", "Bearer fresh"],
    );

    const refused = await scripted(env, refusal(401, "unauthorized"));
    let count = 0;
    await problem(
      new APIKeyService({ endpoint: refused.endpoint, token: () => `t${(count += 1)}` }).getStatus(),
      "unauthorized",
    );
    equal([count, (await refused.seen()).length], [2, 2], "asked and sent");

    const same = await scripted(env, refusal(401, "unauthorized"));
    await problem(new APIKeyService({ endpoint: same.endpoint, token: () => "same" }).getStatus(), "unauthorized");
    equal((await same.seen()).length, 1, "sent with the same token");
  },

  async "a callback that fails is an error of its own"(env) {
    const token = () => Promise.reject(new Error("signed out"));
    const error = await problem(new APIKeyService({ endpoint: env.service, token }).getStatus(), "token_unavailable");
    equal(error.cause.message, "signed out");
  },

  async "a call ends by its signal, by the object's and by its time"(env) {
    const { endpoint, seen } = await scripted(env, { hang: true });
    const own = new AbortController();
    const call = new APIKeyService({ endpoint, token: "t" }).getStatus({ signal: own.signal });
    setTimeout(() => own.abort(), 50);
    equal((await failure(call)).name, "AbortError");

    const all = new AbortController();
    const service = new APIKeyService({ endpoint, token: "t", signal: all.signal });
    setTimeout(() => all.abort(new Error("page left")), 50);
    equal((await failure(service.getStatus())).message, "page left");
    equal((await failure(service.getStatus())).message, "page left", "afterwards");

    const before = (await seen()).length;
    const start = Date.now();
    await problem(new APIKeyService({ endpoint, token: "t", timeout: 200 }).getStatus(), "timeout");
    await problem(new APIKeyService({ endpoint, token: "t" }).getStatus({ timeout: 200 }), "timeout");
    holds(Date.now() - start < 5000, "ended in time");
    equal((await seen()).length, before + 2, "requests that timed out");
    const waiting = new APIKeyService({ endpoint, token: () => new Promise(() => {}), timeout: 100 });
    await problem(waiting.getStatus(), "timeout");
  },

  async "an abort ends the wait before a repeat"(env) {
    const { endpoint, seen } = await scripted(env, { ...refusal(503, "too_busy"), headers: { "Retry-After": "9" } });
    const own = new AbortController();
    const call = new APIKeyService({ endpoint, token: "t" }).getStatus({ signal: own.signal });
    while (!(await seen()).length) await new Promise((resolve) => setTimeout(resolve, 10));
    own.abort();
    equal((await failure(call)).name, "AbortError");
  },

  async "what cannot be a provider never becomes a path"(env) {
    const { endpoint, seen } = await scripted(env, { body: {} });
    const service = new APIKeyService({ endpoint, token: "t" });
    // With `.` or nothing in its place the address would be that of "delete all".
    for (const provider of [
      "",
      ".",
      "..",
      "%2e",
      "a/b",
      "../api-keys/",
      "OPENAI",
      undefined,
      null,
      ["openai"],
      { toString: () => "." },
    ]) {
      await problem(service.removeKey(provider), "invalid_argument");
      await problem(service.validateKey(provider), "invalid_argument");
      await problem(service.setDefault(provider, "work"), "invalid_argument");
    }
    await problem(service.revokeAccessToken("."), "invalid_argument");
    equal(await seen(), []);
    await service.removeKey("openai", { name: "a&b=c/../?#" });
    equal(
      (await seen()).map(({ path }) => path),
      ["/api/api-keys/openai?name=a%26b%3Dc%2F..%2F%3F%23"],
    );
  },

  async "a key is not repeated by an error, whatever the answer says"(env) {
    const key = "sk-fake-secret-0123456789";
    const { endpoint } = await scripted(env, refusal(400, "bad", { detail: `wrong: ${key}!`, title: key, hint: key }));
    const error = await problem(new APIKeyService({ endpoint, token: "t" }).setKey("openai", key), "bad");
    holds(!JSON.stringify([error, error.message, error.stack]).includes(key), "the key is not in it");
  },

  async "requests carry no cookie, follow no redirect, and send what they should"(env) {
    const { endpoint, seen } = await scripted(env, { body: {} });
    await new APIKeyService({ endpoint: `${endpoint}/`, token: "t" }).setKey("openai", "k", {
      label: "",
      fields: { organization: "org-1" },
      expiresAt: new Date("2099-01-01T00:00:00Z"),
      requireValid: true,
    });
    const [{ method, path, headers, body }] = await seen();
    equal(
      [method, path, headers["content-type"], headers.cookie],
      ["POST", "/api/api-keys/set", "application/json", undefined],
    );
    equal(JSON.parse(body), {
      provider: "openai",
      api_key: "k",
      fields: { organization: "org-1" },
      expires_at: "2099-01-01T00:00:00.000Z",
      require_valid: true,
    });
    const moved = await scripted(env, { status: 307, headers: { Location: `${endpoint}/elsewhere` } });
    const before = (await seen()).length;
    await problem(new APIKeyService({ endpoint: moved.endpoint, token: "t" }).setKey("openai", "k"), "network_error");
    equal((await seen()).length, before, "requests at where the redirect led");
  },

  async "an endpoint that is none is refused"() {
    for (const endpoint of [
      "javascript:alert(1)",
      "ftp://x",
      "https://user:pass@host",
      "https://host/?a=b",
      "https://host/#x",
    ]) {
      const error = await failure((async () => new APIKeyService({ endpoint }))());
      equal([error.name, error.code], ["ProblemError", "invalid_argument"], endpoint);
    }
  },

  async "with a session, what changes something carries the CSRF token, fresh after a refusal"(env) {
    const { endpoint, seen } = await scripted(
      env,
      { body: { signed_in: true, csrf_token: "old" } },
      refusal(403, "csrf_refused"),
      { body: { signed_in: true, csrf_token: "new" } },
      { body: { deleted: 0 } },
    );
    equal(await new APIKeyService({ endpoint, session: true }).clearKeys(), { deleted: 0 });
    const requests = (await seen()).map(({ method, path, headers }) => [
      method,
      path,
      headers["x-csrf-token"],
      headers.authorization,
    ]);
    equal(requests, [
      ["GET", "/api/session", undefined, undefined],
      ["DELETE", "/api/api-keys/", "old", undefined],
      ["GET", "/api/session", undefined, undefined],
      ["DELETE", "/api/api-keys/", "new", undefined],
    ]);
    const always = await scripted(
      env,
      { body: { csrf_token: "x" } },
      refusal(403, "csrf_refused"),
      { body: { csrf_token: "x" } },
      refusal(403, "csrf_refused"),
    );
    await problem(new APIKeyService({ endpoint: always.endpoint, session: true }).clearKeys(), "csrf_refused");
    equal((await always.seen()).length, 4, "requests, then given up");
  },
};
