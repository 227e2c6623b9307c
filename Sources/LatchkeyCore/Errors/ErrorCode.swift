/// A stable error code with its HTTP status and its exit code: the only table that maps one to the others.
///
/// Codes are part of the interface: they are added, never renamed.
public struct ErrorCode: Sendable, Hashable {
    public let rawValue: String
    /// The HTTP status a problem document with this code carries.
    public let status: Int
    /// RFC 9457 `title`: the same for every occurrence of the code.
    public let title: String
    /// What the command line exits with. 2 is "refused before anything was done".
    public let exitCode: Int32

    package init(_ rawValue: String, _ status: Int, _ title: String, exit exitCode: Int32 = 1) {
        self.rawValue = rawValue
        self.status = status
        self.title = title
        self.exitCode = exitCode
    }
}

// Requests
extension ErrorCode {
    public static let badJSON = Self("bad_json", 400, "The body is not valid JSON")
    public static let duplicateMember = Self("duplicate_member", 400, "A JSON member is there twice")
    public static let jsonTooDeep = Self("json_too_deep", 400, "The JSON is nested too deeply")
    public static let wrongType = Self("wrong_type", 400, "A value has the wrong type")
    public static let missingMember = Self("missing_member", 400, "A required member is missing")
    public static let unknownMember = Self("unknown_member", 400, "A member is not known")
    public static let invalidKeyFormat = Self("invalid_key_format", 400, "This cannot be an API key")
    public static let maskedKey = Self("masked_key", 400, "This is a masked key, not a key")
    public static let invalidName = Self("invalid_name", 400, "The name is not usable")
    public static let invalidLabel = Self("invalid_label", 400, "The label is not usable")
    public static let invalidExpiry = Self("invalid_expiry", 400, "The expiry time is not usable")
    public static let baseURLNotAllowed = Self("base_url_not_allowed", 400, "This base URL is not allowed")
    public static let invalidField = Self("invalid_field", 400, "A provider field is not usable")
    public static let invalidUserID = Self("invalid_user_id", 400, "The user id is not usable")
    public static let userIDNotAllowed = Self("user_id_not_allowed", 400, "The user cannot be named here")
    public static let invalidRequest = Self("invalid_request", 400, "The request cannot be read")
    public static let unsupportedMediaType = Self("unsupported_media_type", 415, "The body must be JSON")
    public static let methodNotAllowed = Self("method_not_allowed", 405, "This path does not take this method")
    public static let notFound = Self("not_found", 404, "There is nothing here")
    public static let bodyTooLarge = Self("body_too_large", 413, "The body is too large")
    public static let headersTooLarge = Self("headers_too_large", 431, "The header fields are too large")
    public static let requestTimeout = Self("request_timeout", 408, "The request took too long to arrive")
}

// Who asks
extension ErrorCode {
    public static let unauthorized = Self("unauthorized", 401, "Authentication is required")
    public static let forbidden = Self("forbidden", 403, "This is not allowed")
    public static let csrfRefused = Self("csrf_refused", 403, "The request does not come from a page of this service")
    public static let invalidCode = Self("invalid_code", 401, "The sign-in code is not good")
    public static let setupClosed = Self("setup_closed", 403, "Set-up is finished")
}

// Keys and providers
extension ErrorCode {
    public static let unknownProvider = Self("unknown_provider", 400, "The provider is not known")
    /// The same code where the provider is part of the path: a missing resource, not a bad body.
    public static let unknownProviderPath = Self("unknown_provider", 404, "The provider is not known")
    public static let keyNotFound = Self("key_not_found", 404, "There is no such key")
    public static let keyInvalid = Self("key_invalid", 409, "The key was refused by its provider")
    public static let keyExpired = Self("key_expired", 409, "The key has expired")
    public static let keyRefused = Self("key_refused", 422, "The provider refused this key")
    /// A stored record does not open, or a column beside it disagrees with what is sealed. One code for every cause.
    public static let integrity = Self("integrity", 500, "A stored key failed its integrity check")
}

// Access tokens, budgets, the gateway
extension ErrorCode {
    public static let tokenNotFound = Self("token_not_found", 404, "There is no such access token")
    public static let invalidToken = Self("invalid_token", 400, "The access token cannot be made like this")
    public static let missingUser = Self("missing_user", 400, "The user must be named")
    public static let invalidLimit = Self("invalid_limit", 400, "The limit is not usable")
    public static let budgetNotFound = Self("budget_not_found", 404, "There is no such budget")
    public static let invalidUsage = Self("invalid_usage", 400, "The usage event is not usable")
    public static let budgetExceeded = Self("budget_exceeded", 429, "A budget is used up")
    public static let modelNotAllowed = Self("model_not_allowed", 403, "The access token is not for this model")
    public static let credentialInURL = Self("credential_in_url", 400, "A credential stands in the URL")
    public static let unsafePath = Self("unsafe_path", 400, "The path is not usable")
    public static let destinationRefused = Self("destination_refused", 403, "The key may not be sent there")
    public static let upstreamUnreachable = Self("upstream_unreachable", 502, "The provider cannot be reached")
    public static let upstreamFailed = Self("upstream_failed", 502, "The provider's answer cannot be used")
    public static let upstreamTimeout = Self("upstream_timeout", 504, "The provider took too long")
    public static let tooBusy = Self("too_busy", 503, "There is too much to do at the moment")
}

// The service itself
extension ErrorCode {
    public static let configuration = Self("configuration", 500, "The configuration is not usable", exit: 2)
    public static let rootMismatch = Self("root_mismatch", 500, "The root does not match the database", exit: 2)
    public static let schemaTooNew = Self("schema_too_new", 500, "The database is newer than this program", exit: 2)
    public static let schemaChanged = Self("schema_changed", 500, "The schema is not what was migrated", exit: 2)
    public static let backupUnusable = Self("backup_unusable", 500, "The backup is not usable", exit: 2)
    public static let catalogue = Self("catalogue", 500, "The provider catalogue is not usable", exit: 2)
    public static let keysetDisagreement = Self("keyset_disagreement", 503, "This node does not hold the primary root")
    public static let storeUnavailable = Self("store_unavailable", 503, "The database cannot be reached")
    public static let notReady = Self("not_ready", 503, "The service is not ready")
    public static let internalError = Self("internal", 500, "Something went wrong here")
}
