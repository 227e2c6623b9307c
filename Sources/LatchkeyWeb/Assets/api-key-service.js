/**
 * APIKeyService: Latchkey's HTTP interface for browsers and Node 20. No dependencies.
 *
 *   const keys = new APIKeyService({ endpoint: "https://keys.example.com", token: () => auth.accessToken() });
 *   const key = await keys.setKey("openai", pasted, { name: "work", label: "Work account" });
 *   key.verdict; // "valid"
 *
 * Who is calling, one of:
 *   token        a JWT or a function that gives one, also as a promise; it is asked again once after a 401. A function
 *                that gives nothing means "not signed in".
 *   session      true on Latchkey's own pages: the session cookie, with the CSRF token on whatever changes something.
 *   setupToken   used while there is neither: setKey and getStatus then go to set-initial and status-initial.
 *
 * Methods. All are async; the last argument may hold `signal` and `timeout` beside what is named here:
 *   keys         setKey(provider, apiKey, {name, label, baseURL, fields, expiresAt, validate, requireValid, finish})
 *                validateKey(provider, {name})   removeKey(provider, {name})   clearKeys()
 *                setDefault(provider, name)      getStatus()                   listProviders()
 *   switches     getSettings()                   putSettings({global_fallback, key_failover})
 *   usage        getUsage({from, to, by, limit, offset})   getUsageCSV(same)   listUsageEvents({from, to, limit, before})
 *   activity     getActivity({limit, before})
 *   budgets      listBudgets()   setBudget(budget)   removeBudget({metric, per, provider, key})
 *   tokens       listAccessTokens()   createAccessToken(grant)   revokeAccessToken(id)   rollAccessToken(id, body)
 *   session      getSession()   makeCode()   redeemCode(code)   endSession()
 *   global keys  setGlobalKey(provider, apiKey, as setKey)   getGlobalStatus()
 *                validateGlobalKey(provider, {name})   removeGlobalKey(provider, {name})
 *   admin        getOverview()   listFailingKeys({state, limit, after})   listUsers({limit, after, search})
 *                getAllUsage({user, …})   getAllUsageCSV(same)
 *                listUserBudgets(user)   setUserBudget(user, budget)   removeUserBudget(user, {metric, per, …})
 *                listServiceTokens()   createServiceToken(grant)   revokeServiceToken(id)   rollServiceToken(id, body)
 *
 * Answers are the service's JSON as openapi.yaml describes it. Failures are `ProblemError`; a call that was aborted by
 * its signal throws that signal's reason. Reading is repeated after a network error, and after a 429 or 503 that says
 * when (`Retry-After`); nothing that changes something is ever sent twice, but for a 401 or a stale CSRF token, which
 * say that nothing was done.
 *
 * @module
 */

/**
 * @import { CallOptions, InitialStatus, Key, KeyOptions, Provider, ServiceOptions, Status } from "./api-key-types.js"
 */

const LONGEST_WAIT = 10_000;
const PROVIDER = /^[a-z0-9-]{1,50}$/;
const TOKEN_ID = /^[a-z2-7]{16}$/;

/** A call that failed: what the problem document (RFC 9457) of the answer says, or why there was no answer. */
export class ProblemError extends Error {
  /**
   * @param {object} problem
   * @param {string} problem.code the service's, or of this module: `network_error`, `timeout`, `unexpected_answer`,
   *   `not_signed_in`, `token_unavailable`, `invalid_argument`
   * @param {number} [problem.status] HTTP status; 0 when there was no answer
   * @param {string} problem.detail one sentence; no key or token is in it
   * @param {string|null} [problem.title]
   * @param {string|null} [problem.hint]
   * @param {number|null} [problem.retryAfter] seconds
   * @param {string|null} [problem.requestId] names the request in the service's log
   * @param {unknown} [problem.cause]
   */
  constructor({ code, status = 0, detail, title = null, hint = null, retryAfter = null, requestId = null, cause }) {
    super(detail, cause === undefined ? undefined : { cause });
    this.name = "ProblemError";
    this.code = code;
    this.status = status;
    this.detail = detail;
    this.title = title;
    this.hint = hint;
    this.retryAfter = retryAfter;
    this.requestId = requestId;
  }

  /** What may be logged or shown. */
  toJSON() {
    const { code, status, detail, title, hint, retryAfter, requestId } = this;
    return { code, status, detail, title, hint, retryAfter, requestId };
  }
}

export class APIKeyService {
  #endpoint;
  #token;
  #session;
  #setupToken;
  #fetch;
  #timeout;
  #retries;
  #signal;
  /** @type {string|null} */
  #csrf = null;

  /** @param {ServiceOptions} [options] */
  constructor(options = {}) {
    this.#endpoint = address(options.endpoint);
    this.#token = options.token ?? null;
    this.#session = options.session === true;
    this.#setupToken = options.setupToken ?? null;
    this.#fetch = options.fetch;
    this.#timeout = options.timeout ?? 30_000;
    this.#retries = options.retries ?? 2;
    this.#signal = options.signal;
  }

  /** The address that calls go to, without a slash at its end. */
  get endpoint() {
    return this.#endpoint;
  }

  // The caller's keys.

  /**
   * Stores a key, checks it with its provider, and says what is known about it. With a set-up token alone it is a
   * global key. A refusal by the provider does not prevent the storing, unless `requireValid` is set.
   * @param {string} provider
   * @param {string} apiKey
   * @param {KeyOptions & CallOptions} [options]
   * @returns {Promise<Key>}
   */
  async setKey(provider, apiKey, options = {}) {
    return this.#set("/api/api-keys/set", "user", provider, apiKey, options);
  }

  /**
   * @param {string} provider
   * @param {{name?: string} & CallOptions} [options]
   * @returns {Promise<Key>} the key with its fresh verdict
   */
  async validateKey(provider, options = {}) {
    const path = `/api/api-keys/validate/${segment(provider, PROVIDER)}`;
    return this.#send("POST", path, { ...options, query: { name: options.name } });
  }

  /**
   * @param {CallOptions} [options]
   * @returns {Promise<Status|InitialStatus>} the latter with a set-up token alone
   */
  async getStatus(options = {}) {
    return this.#send("GET", "/api/api-keys/status", { ...options, initial: "/api/api-keys/status-initial" });
  }

  /**
   * @param {string} provider
   * @param {{name?: string} & CallOptions} [options] without a name the key named `default`
   * @returns {Promise<{deleted: 1, provider: string, name: string}>}
   */
  async removeKey(provider, options = {}) {
    const path = `/api/api-keys/${segment(provider, PROVIDER)}`;
    return this.#send("DELETE", path, { ...options, query: { name: options.name } });
  }

  /**
   * Deletes every key of the caller.
   * @param {CallOptions} [options]
   * @returns {Promise<{deleted: number}>}
   */
  async clearKeys(options = {}) {
    return this.#send("DELETE", "/api/api-keys/", options);
  }

  /**
   * Makes one of several keys the default one. The two swap names.
   * @param {string} provider
   * @param {string} name
   * @param {CallOptions} [options]
   */
  async setDefault(provider, name, options = {}) {
    const path = `/api/api-keys/${segment(provider, PROVIDER)}/default`;
    return this.#send("POST", path, { ...options, body: { name } });
  }

  /**
   * The catalogue. Needs no token.
   * @param {CallOptions} [options]
   * @returns {Promise<{catalogue_date: string, providers: Provider[]}>}
   */
  async listProviders(options = {}) {
    return this.#send("GET", "/api/api-keys/providers", { ...options, as: "nobody" });
  }

  /** @returns {Promise<{global_fallback: boolean, key_failover: boolean}>} */
  async getSettings(options = {}) {
    return this.#send("GET", "/api/api-keys/settings", options);
  }

  /**
   * @param {{global_fallback?: boolean, key_failover?: boolean}} changes
   * @returns {Promise<{global_fallback: boolean, key_failover: boolean}>}
   */
  async putSettings(changes, options = {}) {
    return this.#send("PUT", "/api/api-keys/settings", { ...options, body: changes });
  }

  // Usage, activity, budgets, access tokens.

  async getUsage(query = {}, options = {}) {
    return this.#send("GET", "/api/usage", { ...options, query });
  }

  /** @returns {Promise<string>} */
  async getUsageCSV(query = {}, options = {}) {
    return this.#send("GET", "/api/usage", { ...options, query: { ...query, format: "csv" }, text: true });
  }

  async listUsageEvents(query = {}, options = {}) {
    return this.#send("GET", "/api/usage/events", { ...options, query });
  }

  async getActivity(query = {}, options = {}) {
    return this.#send("GET", "/api/activity", { ...options, query });
  }

  async listBudgets(options = {}) {
    return this.#send("GET", "/api/budgets", options);
  }

  async setBudget(budget, options = {}) {
    return this.#send("PUT", "/api/budgets", { ...options, body: budget });
  }

  async removeBudget(which, options = {}) {
    return this.#send("DELETE", "/api/budgets", { ...options, query: which });
  }

  async listAccessTokens(options = {}) {
    return this.#send("GET", "/api/access-tokens", options);
  }

  /** The answer's `token` is shown this once. */
  async createAccessToken(grant, options = {}) {
    return this.#send("POST", "/api/access-tokens", { ...options, body: grant });
  }

  async revokeAccessToken(id, options = {}) {
    return this.#send("DELETE", `/api/access-tokens/${segment(id, TOKEN_ID)}`, options);
  }

  async rollAccessToken(id, body = {}, options = {}) {
    return this.#send("POST", `/api/access-tokens/${segment(id, TOKEN_ID)}/roll`, { ...options, body });
  }

  // The session of Latchkey's own pages.

  async getSession(options = {}) {
    return this.#remember(await this.#send("GET", "/api/session", { ...options, as: "session" }));
  }

  /** A code for signing in on Latchkey's pages, once and within a minute, as the token's user. */
  async makeCode(options = {}) {
    return this.#send("POST", "/api/session/codes", { ...options, body: {} });
  }

  async redeemCode(code, options = {}) {
    const asked = { ...options, as: "session", body: { code }, withoutCSRF: true };
    return this.#remember(await this.#send("POST", "/api/session", asked));
  }

  async endSession(options = {}) {
    await this.#send("DELETE", "/api/session", options);
    this.#csrf = null;
  }

  // Global keys, and what administrators see.

  /** @returns {Promise<Key & {source: "global"}>} */
  async setGlobalKey(provider, apiKey, options = {}) {
    return this.#set("/api/api-keys/set-initial", "setup", provider, apiKey, options);
  }

  /** @returns {Promise<InitialStatus>} */
  async getGlobalStatus(options = {}) {
    return this.#send("GET", "/api/api-keys/status-initial", { ...options, as: "setup" });
  }

  async validateGlobalKey(provider, options = {}) {
    const path = `/api/admin/global-keys/${segment(provider, PROVIDER)}/validate`;
    return this.#send("POST", path, { ...options, query: { name: options.name } });
  }

  async removeGlobalKey(provider, options = {}) {
    const path = `/api/admin/global-keys/${segment(provider, PROVIDER)}`;
    return this.#send("DELETE", path, { ...options, query: { name: options.name } });
  }

  async getOverview(options = {}) {
    return this.#send("GET", "/api/admin/overview", options);
  }

  async listFailingKeys(query = {}, options = {}) {
    return this.#send("GET", "/api/admin/keys", { ...options, query: { state: "failing", ...query } });
  }

  async listUsers(query = {}, options = {}) {
    return this.#send("GET", "/api/admin/users", { ...options, query });
  }

  async getAllUsage(query = {}, options = {}) {
    return this.#send("GET", "/api/admin/usage", { ...options, query });
  }

  /** @returns {Promise<string>} */
  async getAllUsageCSV(query = {}, options = {}) {
    return this.#send("GET", "/api/admin/usage", { ...options, query: { ...query, format: "csv" }, text: true });
  }

  async listUserBudgets(user, options = {}) {
    return this.#send("GET", "/api/admin/budgets", { ...options, query: { user } });
  }

  async setUserBudget(user, budget, options = {}) {
    return this.#send("PUT", "/api/admin/budgets", { ...options, query: { user }, body: budget });
  }

  async removeUserBudget(user, which, options = {}) {
    return this.#send("DELETE", "/api/admin/budgets", { ...options, query: { ...which, user } });
  }

  async listServiceTokens(options = {}) {
    return this.#send("GET", "/api/admin/access-tokens", options);
  }

  async createServiceToken(grant, options = {}) {
    return this.#send("POST", "/api/admin/access-tokens", { ...options, body: grant });
  }

  async revokeServiceToken(id, options = {}) {
    return this.#send("DELETE", `/api/admin/access-tokens/${segment(id, TOKEN_ID)}`, options);
  }

  async rollServiceToken(id, body = {}, options = {}) {
    return this.#send("POST", `/api/admin/access-tokens/${segment(id, TOKEN_ID)}/roll`, { ...options, body });
  }

  // How calls are made.

  async #set(path, as, provider, apiKey, options) {
    const { name, label, baseURL, fields, expiresAt, validate, requireValid, finish, signal, timeout } = options;
    const body = pick({
      provider,
      api_key: apiKey,
      name,
      label: label || undefined,
      base_url: baseURL || undefined,
      fields,
      expires_at: expiresAt instanceof Date ? expiresAt.toISOString() : expiresAt,
      validate,
      require_valid: requireValid,
      finish,
    });
    const initial = "/api/api-keys/set-initial";
    return this.#send("POST", path, { as, initial, body, signal, timeout, secret: apiKey });
  }

  #remember(session) {
    this.#csrf = session.csrf_token ?? null;
    return session;
  }

  /** One call with all its attempts, within its time. */
  async #send(method, path, call) {
    const limit = new TimeLimit(call.timeout ?? this.#timeout, [this.#signal, call.signal]);
    try {
      return await this.#attempt(method, path, call, limit);
    } finally {
      limit.end();
    }
  }

  async #attempt(method, path, call, limit) {
    const isReading = method === "GET";
    let credential = await limit.race(this.#credential(call, false));
    for (let attempt = 0, renewed = false; ;) {
      const failure = { error: null };
      const answer = await this.#once(method, path, call, credential, limit).catch((error) => {
        failure.error = error;
      });
      if (failure.error === null) return answer;
      limit.check();
      const { error } = failure;
      if (!(error instanceof ProblemError)) throw error;
      const fresh = renewed ? null : await limit.race(this.#renewed(error, credential, call));
      if (fresh) {
        credential = fresh;
        renewed = true;
        continue;
      }
      const wait = isReading && attempt < this.#retries ? pause(error, attempt) : null;
      if (wait === null) throw error;
      attempt += 1;
      await limit.sleep(wait);
    }
  }

  /** One request and its answer. */
  async #once(method, path, call, credential, limit) {
    const headers = { Accept: call.text ? "text/csv" : "application/json", ...credential.headers };
    if (credential.isSession && method !== "GET" && !call.withoutCSRF) {
      this.#csrf ??= (await this.getSession({ signal: limit.signal })).csrf_token ?? null;
      headers["X-CSRF-Token"] = this.#csrf ?? "";
    }
    if (call.body !== undefined) headers["Content-Type"] = "application/json";
    const target = credential.isSetup && call.initial ? call.initial : path;
    const ask = this.#fetch ?? globalThis.fetch;
    try {
      const answer = await ask(this.#endpoint + target + queryText(call.query), {
        method,
        headers,
        body: call.body === undefined ? undefined : JSON.stringify(call.body),
        signal: limit.signal,
        credentials: credential.isSession ? "same-origin" : "omit",
        cache: "no-store",
        // A redirect would carry the token, and a key, to wherever it leads.
        redirect: "error",
        referrerPolicy: "no-referrer",
      });
      const text = await answer.text();
      if (!answer.ok) throw problem(answer, text, call.secret);
      return call.text ? text : parsed(answer, text);
    } catch (error) {
      if (error instanceof ProblemError) throw error;
      const detail = "The service could not be reached, or does not allow this page to call it.";
      throw new ProblemError({ code: "network_error", detail, cause: error });
    }
  }

  /** @returns {Promise<{headers: Record<string, string>, token?: string, isSession?: true, isSetup?: true}>} */
  async #credential(call, renew) {
    if (call.as === "nobody") return { headers: {} };
    if (this.#session || call.as === "session") return { headers: {}, isSession: true };
    const token = await this.#currentToken(renew);
    if (token) return { headers: { Authorization: `Bearer ${token}` }, token };
    if (this.#setupToken && (call.initial || call.as === "setup")) {
      return { headers: { "X-Setup-Token": this.#setupToken }, isSetup: true };
    }
    throw new ProblemError({ code: "not_signed_in", detail: "There is no token for this call: nobody is signed in." });
  }

  async #currentToken(renew) {
    if (typeof this.#token !== "function") return this.#token;
    try {
      return await this.#token({ renew });
    } catch (cause) {
      throw new ProblemError({ code: "token_unavailable", detail: "The app could not give a token.", cause });
    }
  }

  /** Another credential in place of one that was refused before anything was done; else null. */
  async #renewed(error, credential, call) {
    if (error.status === 403 && error.code === "csrf_refused" && credential.isSession) {
      this.#csrf = null;
      return credential;
    }
    if (error.status !== 401 || !credential.token || typeof this.#token !== "function") return null;
    const fresh = await this.#credential(call, true).catch(() => null);
    return fresh?.token && fresh.token !== credential.token ? fresh : null;
  }
}

/** The time a call may take, and the signals that end it earlier. */
class TimeLimit {
  #controller = new AbortController();
  #sources;
  #timer;
  #forward = (event) => this.#controller.abort(event.target.reason);

  constructor(milliseconds, signals) {
    this.#sources = signals.filter(Boolean);
    for (const source of this.#sources) {
      if (source.aborted) this.#controller.abort(source.reason);
      source.addEventListener("abort", this.#forward, { once: true });
    }
    const detail = "The service took too long to answer.";
    this.#timer = setTimeout(() => {
      this.#controller.abort(new ProblemError({ code: "timeout", detail }));
    }, milliseconds);
  }

  get signal() {
    return this.#controller.signal;
  }

  check() {
    if (this.signal.aborted) throw this.signal.reason;
  }

  end() {
    clearTimeout(this.#timer);
    for (const source of this.#sources) source.removeEventListener("abort", this.#forward);
  }

  /** The promise's outcome, or the end of the time if that is earlier. */
  race(promise) {
    promise.catch(() => {});
    return new Promise((resolve, reject) => {
      if (this.signal.aborted) return reject(this.signal.reason);
      const stop = () => reject(this.signal.reason);
      this.signal.addEventListener("abort", stop, { once: true });
      promise.then(resolve, reject).finally(() => this.signal.removeEventListener("abort", stop));
    });
  }

  sleep(milliseconds) {
    let timer;
    return this.race(new Promise((resolve) => (timer = setTimeout(resolve, milliseconds)))).finally(() => {
      clearTimeout(timer);
    });
  }
}

/** How long to wait before reading again, in milliseconds; null when that would be no use. */
function pause(error, attempt) {
  if (error.code === "network_error") return 250 * 2 ** attempt * (0.5 + Math.random() / 2);
  if ((error.status !== 429 && error.status !== 503) || error.retryAfter === null) return null;
  const wait = error.retryAfter * 1000;
  // Not earlier than was asked for; a little later, so that many do not come back at once.
  return wait > LONGEST_WAIT ? null : wait + Math.random() * 250;
}

function problem(answer, text, secret) {
  let body = {};
  try {
    body = JSON.parse(text) ?? {};
  } catch {
    // Not ours: a proxy's page, for instance.
  }
  const said = (value) => {
    if (typeof value !== "string" || value === "") return null;
    return secret ? value.split(secret).join("[key]") : value;
  };
  return new ProblemError({
    code: said(body.code) ?? "unexpected_answer",
    status: answer.status,
    detail: said(body.detail) ?? `The service answered with status ${answer.status}.`,
    title: said(body.title),
    hint: said(body.hint),
    retryAfter: seconds(answer.headers.get("Retry-After")),
    requestId: said(body.request_id) ?? answer.headers.get("X-Request-Id"),
  });
}

function parsed(answer, text) {
  if (answer.status === 204 || text === "") return null;
  try {
    return JSON.parse(text);
  } catch (cause) {
    const detail = "The answer is not JSON: is this the address of the service?";
    throw new ProblemError({ code: "unexpected_answer", status: answer.status, detail, cause });
  }
}

/** `Retry-After` (RFC 9110, section 10.2.3) in seconds. */
function seconds(text) {
  if (text === null || text.trim() === "") return null;
  const value = /^\d+$/.test(text.trim()) ? Number(text) : (Date.parse(text) - Date.now()) / 1000;
  return Number.isFinite(value) ? Math.max(0, value) : null;
}

/** Only what cannot be read as another path: `.` in its place would delete every key. */
function segment(value, form) {
  if (typeof value === "string" && form.test(value)) return value;
  throw new ProblemError({ code: "invalid_argument", detail: "A provider or token id is not of its form." });
}

function queryText(query = {}) {
  const pairs = Object.entries(pick(query)).map(([name, value]) => [name, String(value)]);
  return pairs.length ? `?${new URLSearchParams(pairs)}` : "";
}

function pick(object) {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined && value !== null));
}

function address(endpoint) {
  const base = globalThis.location?.href;
  let url;
  try {
    url = new URL(endpoint || globalThis.location?.origin, base);
  } catch {
    const detail = "`endpoint` is not an address such as https://keys.example.com.";
    throw new ProblemError({ code: "invalid_argument", detail });
  }
  if (!/^https?:$/.test(url.protocol) || url.username || url.password || url.search || url.hash) {
    const detail = "`endpoint` has to be an http or https address without user, query and fragment.";
    throw new ProblemError({ code: "invalid_argument", detail });
  }
  return (url.origin + url.pathname).replace(/\/+$/, "");
}
