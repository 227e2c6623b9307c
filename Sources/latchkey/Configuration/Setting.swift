/// One setting: its name in the environment (in a file the same in lower case), and what to say of it.
struct Setting: Sendable {
    let name: String
    let summary: String
    let fallback: String
    let isSecret: Bool

    init(_ name: String, default fallback: String = "", secret isSecret: Bool = false, _ summary: String) {
        self.name = name
        self.summary = summary
        self.fallback = fallback
        self.isSecret = isSecret
    }

    var fileKey: String { name.lowercased() }
}

// The reference system's names, exactly.
extension Setting {
    static let databaseURL = Setting(
        "DATABASE_URL", default: "sqlite:latchkey.db",
        "Where keys are kept: `sqlite:PATH`, or `postgresql://…` in libpq's syntax; or `file:PATH`, a file of mode 0600 that holds it."
    )
    static let root = Setting(
        "API_KEY_ENCRYPTION_SECRET", secret: true,
        "One or more roots, comma-separated, the first one primary; or `file:PATH`, a file of mode 0600 that holds them. `latchkey secret generate` makes one."
    )
    static let jwtSecret = Setting(
        "JWT_SECRET_KEY", secret: true,
        "The secret that the app signs its HS256, HS384 or HS512 tokens with: at least 32, 48 or 64 bytes; or `file:PATH`."
    )
    static let jwtAlgorithm = Setting(
        "JWT_ALGORITHM", default: "HS256",
        "The one algorithm that is accepted: HS256, HS384, HS512, or with `LATCHKEY_JWKS` RS256, ES256, EdDSA.")
    static let jwtExpirationMinutes = Setting(
        "JWT_EXPIRATION_MINUTES", default: "1440",
        "How long a token lives that carries `iat` and no `exp`; also the lifetime `latchkey token` gives.")
}

// Ours.
extension Setting {
    static let databaseConnections = Setting(
        "LATCHKEY_DATABASE_CONNECTIONS", default: "10",
        "How many connections this node keeps to PostgreSQL, 5 or more.")
    static let serviceToken = Setting(
        "LATCHKEY_SERVICE_TOKEN", secret: true,
        "One token that may have every user's key at `/api/service/resolve`: at least 32 random bytes; or `file:PATH`. Empty: access tokens alone are let in there."
    )
    static let setupToken = Setting(
        "LATCHKEY_SETUP_TOKEN", secret: true,
        "The set-up token, in place of one that is made at each start and printed until set-up is finished; or `file:PATH`."
    )
    static let providersFile = Setting(
        "LATCHKEY_PROVIDERS_FILE",
        "A catalogue of your own, JSON or YAML, merged over ours by id (docs/providers.md).")
    static let pricesFile = Setting(
        "LATCHKEY_PRICES_FILE",
        "A price list of your own, CSV, laid over ours by vendor and model (docs/usage.md).")
    static let allowLoopback = Setting(
        "LATCHKEY_ALLOW_LOOPBACK_PROVIDERS", default: "0",
        "`1` lets that file use `http://127.0.0.1:PORT` addresses, for trying things out.")
    static let allowedBaseURLHosts = Setting(
        "LATCHKEY_ALLOWED_BASE_URL_HOSTS",
        "Hosts, comma-separated, that a user may name in `base_url`. Empty: only the catalogue's addresses.")
    static let globalFallback = Setting(
        "LATCHKEY_GLOBAL_FALLBACK", default: "1",
        "`0`: a user without a key is never served by a global one.")
    static let corsOrigins = Setting(
        "LATCHKEY_CORS_ORIGINS",
        "Web origins, comma-separated, that may call from a browser, such as `https://app.example.com`.")
    static let frameAncestors = Setting(
        "LATCHKEY_UI_FRAME_ANCESTORS",
        "Web origins, comma-separated, whose pages may show `/ui/embed` in a frame; `self` is our own. Empty: none.")
    static let jwks = Setting(
        "LATCHKEY_JWKS",
        "A JWK set for RS256, ES256 or EdDSA: a file's path, or an https URL that is read at start and every ten minutes."
    )
    static let jwtKeyID = Setting(
        "LATCHKEY_JWT_KEY_ID",
        "The `kid` that HS tokens carry. Empty: they carry none, and one that does is refused.")
    static let jwtUserClaim = Setting("LATCHKEY_JWT_USER_CLAIM", default: "sub", "The claim that holds the user id.")
    static let jwtRolesClaim = Setting(
        "LATCHKEY_JWT_ROLES_CLAIM", default: "roles",
        "The claim that holds the roles: a text or a list. `admin` is one.")
    static let jwtAudience = Setting("LATCHKEY_JWT_AUDIENCE", "When set, `aud` must hold it.")
    static let jwtIssuer = Setting("LATCHKEY_JWT_ISSUER", "When set, `iss` must be it.")
    static let trustedProxies = Setting(
        "LATCHKEY_TRUSTED_PROXIES",
        "Networks of the proxies in front, comma-separated, whose `X-Forwarded-For` is believed: for access tokens that are bound to networks."
    )
    static let gatewayFirstByteSeconds = Setting(
        "LATCHKEY_GATEWAY_FIRST_BYTE_SECONDS", default: "600",
        "How long a provider may take to begin its answer to a call through the gateway.")
    static let gatewayIdleSeconds = Setting(
        "LATCHKEY_GATEWAY_IDLE_SECONDS", default: "300",
        "How long a body on its way through the gateway may stand still, either way.")
    static let providerCAFile = Setting(
        "LATCHKEY_PROVIDER_CA_FILE",
        "Certificate authorities, PEM, that a provider's certificate may come from beside the system's: for providers of your own."
    )
    static let usageDays = Setting(
        "LATCHKEY_USAGE_DAYS",
        "After so many days usage events are deleted, and access tokens that ended as long ago. Empty: never.")
    static let logLevel = Setting(
        "LATCHKEY_LOG_LEVEL", default: "info",
        "trace, debug, info, notice, warning, error or critical. Logs go to standard error.")
    static let configFile = Setting(
        "LATCHKEY_CONFIG", "A YAML or JSON file with these settings, names in lower case. The environment wins.")

    static let all: [Setting] =
        [
            databaseURL, root, jwtSecret, jwtAlgorithm, jwtExpirationMinutes,
            databaseConnections, serviceToken, setupToken, providersFile, pricesFile,
            allowLoopback, allowedBaseURLHosts, globalFallback, corsOrigins, frameAncestors, jwks, jwtKeyID,
            jwtUserClaim, jwtRolesClaim,
            jwtAudience, jwtIssuer, trustedProxies, gatewayFirstByteSeconds, gatewayIdleSeconds, providerCAFile,
            usageDays,
            logLevel,
            configFile,
        ] + pages + oidc
}
