/**
 * The types of `api-key-service.js`, for editors and type checkers. Nothing is here at run time, and nothing loads it.
 *
 * @module
 */

/**
 * @typedef {"valid"|"restricted"|"no_credit"|"rate_limited"|"blocked"|"expired"|"invalid"|"retiring"|"unknown"} Verdict
 *
 * @typedef {object} Key A stored key as it may be shown; the key itself is never in it.
 * @property {string} provider
 * @property {string} name `default`, or the name of a further key
 * @property {string|null} label
 * @property {string} kind
 * @property {string|null} key_hint the last four characters of a long key
 * @property {boolean} has_key
 * @property {boolean} is_valid
 * @property {Verdict} verdict
 * @property {{http_status: number|null, code: string|null, checked_at: string|null, decisive: boolean}} evidence
 * @property {string|null} last_validated
 * @property {string|null} expires_at
 * @property {string} base_url
 * @property {string} created_at
 * @property {string} updated_at
 * @property {string|null} last_used_at
 * @property {number} row_version
 * @property {string[]} [warnings] sentences for a person
 *
 * @typedef {object} Choice Which key would serve a call now.
 * @property {"user"|"global"|"environment"|"none"} source
 * @property {string|null} name
 * @property {Verdict|null} verdict
 * @property {boolean} is_valid
 * @property {string} reason
 *
 * @typedef {object} Status
 * @property {string} user_id
 * @property {Key[]} keys
 * @property {Record<string, Choice>} providers
 * @property {boolean} global_fallback
 *
 * @typedef {object} InitialStatus
 * @property {boolean} setup_finished
 * @property {Key[]} keys the global ones
 * @property {string[]} environment providers whose key is in the server's environment
 *
 * @typedef {object} Provider
 * @property {string} id
 * @property {string} name
 * @property {string} base_url may hold `{field}` placeholders
 * @property {string} docs_url
 * @property {string} keys_url where a person gets a key
 * @property {string[]} patterns what keys usually look like: hints, never gates
 * @property {{name: string, label: string, required: boolean}[]} fields
 * @property {string[]} env
 *
 * @typedef {object} CallOptions
 * @property {AbortSignal} [signal]
 * @property {number} [timeout] milliseconds for this call with all its attempts
 *
 * @typedef {object} KeyOptions
 * @property {string} [name]
 * @property {string|null} [label]
 * @property {string} [baseURL]
 * @property {Record<string, string>} [fields]
 * @property {string|number|Date} [expiresAt]
 * @property {boolean} [validate] whether to ask the provider now; true if left out
 * @property {boolean} [requireValid] whether to store nothing when the provider refuses the key
 * @property {boolean} [finish] global keys only: whether first set-up is over with this one
 *
 * @typedef {(about: {renew: boolean}) => (string|null|undefined|Promise<string|null|undefined>)} TokenCallback
 *
 * @typedef {object} ServiceOptions
 * @property {string|URL} [endpoint] the service's address; in a browser the page's own origin if left out
 * @property {string|TokenCallback|null} [token]
 * @property {boolean} [session]
 * @property {string|null} [setupToken]
 * @property {typeof fetch} [fetch]
 * @property {number} [timeout] milliseconds for one call with all its attempts; 30 000 if left out
 * @property {number} [retries] how often reading is repeated at most; 2 if left out
 * @property {AbortSignal} [signal] ends every call of this object
 */

export {};
