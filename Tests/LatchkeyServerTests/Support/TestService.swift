import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import LatchkeyCore
import LatchkeyCrypto
import LatchkeySQL
import LatchkeyTesting
import Logging

@testable import LatchkeyServer

/// A whole service on a database of its own, with a scripted provider and a clock that stands still. Its folder goes
/// when the test lets go of it.
final class TestService: Sendable {
    static let serviceToken = "service-token-for-tests-only-0123456789abcdef"
    static let setupToken = "setup-token-for-tests-only-0123456789abcdef"

    struct Options: Sendable {
        var algorithm = "HS256"
        var origins: [String] = []
        var environment: [String: String] = [:]
        var globalFallback = true
        var hasServiceToken = true
        var trustedProxies: [Network] = []
        var publicURL: String? = "https://keys.example"
        var allowedBaseURLHosts: Set<String> = []
        var isWritable = true
        var limits = ServerLimits()
    }

    let clock = TestClock()
    let provider = ScriptedProvider()
    let store: any Store
    let vault: KeyVault
    let gate: SetupGate
    let tokens: AccessTokens
    let sessions: WebSessions
    let authentication: Authentication
    let usage: any UsageStore & BudgetStore
    let recorder: UsageRecorder
    let server: LatchkeyServer
    let limits: ServerLimits
    private let driver: SQLiteDriver
    private let folder: URL

    private static let catalogue = Result {
        try ProviderCatalogue.load(operatorFile: ScriptedProvider.catalogue, allowLoopback: false)
    }

    private static let prices = Result { try PriceTable.load(operatorFile: nil, providers: []) }

    init(_ options: Options = Options()) async throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("latchkey-server-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        driver = try SQLiteDriver(path: folder.appendingPathComponent("test.db").path, readers: 2)
        let store = SQLStore(driver: driver)
        try await store.migrate()
        self.store = store
        let root = try RootText.generate(kid: 1).withUnsafeBytes { try RootText.parse($0) }
        let keyring = try RootKeyring(roots: [root]) { 0 }
        _ = try await KeysetCheck.run(store: store, keyring: keyring, clock: clock.clock)
        let catalogue = try Self.catalogue.get()
        vault = KeyVault(
            store: store, sealing: KeySealing(keyring: keyring), catalogue: catalogue,
            probe: ProviderProbe(transport: provider),
            policy: KeyPolicy(
                allowedBaseURLHosts: options.allowedBaseURLHosts, isWritable: options.isWritable, random: { 0.5 }),
            clock: clock.clock)
        tokens = AccessTokens(store: store, vault: vault)
        sessions = WebSessions(store: store, vault: vault)
        gate = SetupGate(
            store: store, token: SharedSecret(Secret(copying: Array(Self.setupToken.utf8))), clock: clock.clock)
        let resolver = KeyResolver(
            vault: vault, environment: EnvironmentKeys.read(options.environment, catalogue: catalogue).keys,
            globalFallback: options.globalFallback)
        let keys = try await TokenKeys.hmac(
            algorithm: options.algorithm, secret: Secret(copying: TokenForge.secret), keyID: nil)
        let verifier = TokenVerifier(
            rules: TokenVerifier.Rules(algorithm: options.algorithm, expirationMinutes: 60), keys: keys,
            clock: clock.clock)
        let serviceToken = SharedSecret(Secret(copying: Array(Self.serviceToken.utf8)))
        limits = options.limits
        authentication = Authentication(
            verifier: verifier, serviceToken: options.hasServiceToken ? serviceToken : nil, accessTokens: tokens,
            browsers: BrowserSessions(sessions: sessions, origins: try OwnOrigins(publicURL: options.publicURL)),
            trustedProxies: options.trustedProxies)
        usage = store
        recorder = UsageRecorder(
            store: store, pricing: try Self.prices.get(), clock: clock.clock,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        var parts = LatchkeyServer.Parts(
            vault: vault, resolver: resolver, gate: gate,
            authentication: authentication, cors: CORSPolicy(origins: options.origins), limits: options.limits)
        parts.usage = UsageParts(store: store, recorder: recorder)
        parts.administration = AdminParts(
            store: store, version: "1.2.3", startedAt: clock.clock.now(), database: "sqlite", nodes: 1)
        server = LatchkeyServer(parts)
    }

    deinit {
        try? FileManager.default.removeItem(at: folder)
    }
}

// Asking it
extension TestService {
    /// Every route but the gateway's, which never come to the router.
    var routes: [RouteTable.Route] { server.routes.routes.filter { $0.access != .gateway } }

    /// A credential that opens a route.
    func bearer(for access: RouteTable.Access) -> String {
        switch access {
        case .service: Self.serviceToken
        case .setup: Self.setupToken
        case .admin: TokenForge.admin("root")
        case .user, .anyone, .page, .gateway: TokenForge.user("owner")
        }
    }
}

extension TestService {
    /// One request to the router, with nothing added but the content type of a JSON body.
    func call(
        _ method: HTTPRequest.Method, _ uri: String, bearer: String? = nil, headers: HTTPFields = [:],
        json: String? = nil, body: [UInt8]? = nil
    ) async throws -> Answer {
        var headers = headers
        if let bearer { headers[.authorization] = "Bearer \(bearer)" }
        if json != nil, headers[.contentType] == nil { headers[.contentType] = "application/json" }
        let bytes = body ?? json.map { Array($0.utf8) }
        let buffer = bytes.map { ByteBuffer(bytes: $0) }
        let fields = headers
        return try await Application(router: server.router).test(.router) { client in
            let response = try await client.execute(uri: uri, method: method, headers: fields, body: buffer)
            return Answer(
                status: response.status.code, headers: response.headers, body: Array(response.body.readableBytesView))
        }
    }

    /// Stores a key for a user, past HTTP: what a test finds there when it begins.
    @discardableResult
    func store(
        _ key: String = "sk-stored-0123456789abcdef", of user: String?, provider: String = "acme",
        name: String? = nil, label: String? = nil, fields: [String: String] = [:], expiresAt: Timestamp? = nil
    ) async throws -> UserAPIKey {
        let owner = try user.map { KeyOwner.user(try UserID($0)) } ?? .global
        let request = SetKeyRequest(
            provider: provider, key: SharedSecret(Secret(copying: Array(key.utf8))), name: name, label: label,
            fields: fields, expiresAt: expiresAt)
        return try await vault.set(request, of: owner, by: Caller(.cli)).key
    }

    /// Every row of a user, to be compared with what is there later.
    func rows(of user: String?) async throws -> [UserAPIKey] {
        try await store.keys(of: try user.map { KeyOwner.user(try UserID($0)) } ?? .global)
    }
}
