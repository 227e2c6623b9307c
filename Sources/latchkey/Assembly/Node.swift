import AsyncHTTPClient
import LatchkeyCore
import LatchkeyCrypto
import LatchkeySQL
import Logging

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Everything that `serve` and the operator's commands have in common: settings made into parts.
///
/// The order is the point: every secret is read and judged before the database is opened, and the root is compared with
/// the keyset before anything is written.
struct Node {
    let settings: Settings
    let catalogue: ProviderCatalogue
    let keyring: RootKeyring
    let driver: any SQLDriver
    let store: SQLStore
    let standing: KeysetCheck.Standing
    let client: HTTPClient
    let vault: KeyVault
    let clock = WallClock.system

    static func catalogue(_ settings: Settings) throws -> ProviderCatalogue {
        var operatorFile: String?
        if let path = settings[.providersFile] {
            guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
                throw LatchkeyError(
                    .configuration, "\(Setting.providersFile.name) names \(path), which cannot be read",
                    hint: "check the path and who may read it")
            }
            operatorFile = text
        }
        return try ProviderCatalogue.load(operatorFile: operatorFile, allowLoopback: try settings.flag(.allowLoopback))
    }

    static func keyring(_ settings: Settings) throws -> RootKeyring {
        try RootKeyring(roots: try Roots.read(settings), now: monotonicSeconds)
    }

    /// - Throws: `configuration`, `root_mismatch`, `schema_too_new`, `schema_changed`: nothing was written;
    ///   `store_unavailable`.
    ///
    /// - Parameter remembersRows: for the service, which hands out the same rows again and again.
    static func open(_ settings: Settings, remembersRows: Bool = false, logger: Logger? = nil) async throws -> Node {
        let catalogue = try catalogue(settings)
        let keyring = try keyring(settings)
        try await startingUp(settings) { try await inspect(settings, keyring) }
        let driver = try await openDatabase(settings, logger: logger)
        let store = SQLStore(driver: driver, remembersRows: remembersRows)
        let standing = try await startingUp(settings) {
            try await store.migrate()
            if let driver = driver as? PostgreSQLDriver { try await checkPrivileges(driver) }
            return try await KeysetCheck.run(store: store, keyring: keyring, clock: .system)
        }
        let client = HTTPProbeTransport.makeClient()
        let vault = KeyVault(
            store: store, sealing: KeySealing(keyring: keyring), catalogue: catalogue,
            probe: ProviderProbe(transport: HTTPProbeTransport(client: client)),
            policy: KeyPolicy(
                allowedBaseURLHosts: Set(settings.list(.allowedBaseURLHosts).map { $0.lowercased() }),
                isWritable: standing == .agrees),
            clock: .system)
        return Node(
            settings: settings, catalogue: catalogue, keyring: keyring, driver: driver, store: store,
            standing: standing, client: client, vault: vault)
    }

    /// Looks at a database that is there before it is opened for writing: a newer schema, a changed migration, another
    /// root. None of that may cost a byte.
    private static func inspect(_ settings: Settings, _ keyring: RootKeyring) async throws {
        guard let driver = try await inspectDatabase(settings) else { return }
        do { try await inspect(SQLStore(driver: driver), keyring) } catch {
            await driver.close()
            throw error
        }
        await driver.close()
    }

    private static func inspect(_ store: SQLStore, _ keyring: RootKeyring) async throws {
        _ = try await store.missingMigrations()
        let applied = try await store.driver.appliedMigrations()
        guard applied.contains(where: { $0.version == Schema.keysetVersion }) else { return }
        let entries = try await store.keyset()
        if !entries.isEmpty { _ = try await KeysetCheck.compare(entries, keyring) }
    }

    static func databaseURL(_ settings: Settings) throws -> DatabaseURL {
        let value = settings[.databaseURL] ?? ""
        guard value.hasPrefix("file:") else { return try DatabaseURL(value) }
        let content = try SecretSource.read(value, for: .databaseURL)
        return try DatabaseURL(content.withUnsafeBytes { String(decoding: $0, as: UTF8.self) })
    }

    /// The database opened to look at it; nil when there is none yet.
    static func inspectDatabase(_ settings: Settings) async throws -> (any SQLDriver)? {
        switch try databaseURL(settings) {
        case .sqlite(let path):
            guard DatabaseFile.exists(path) else { return nil }
            return try await startingUp(settings) { try SQLiteDriver(inspecting: path) }
        case .postgresql:
            return try await openDatabase(settings)
        }
    }

    private static func checkPrivileges(_ driver: PostgreSQLDriver) async throws {
        let missing = try await driver.missingPrivileges()
        guard missing.isEmpty else {
            throw LatchkeyError(
                .configuration, "the database role lacks \(missing.joined(separator: ", "))",
                hint: PostgreSQLError.lacksPrivilege.hint)
        }
    }

    /// - Parameter logger: told why connections cannot be made while the service runs.
    static func openDatabase(_ settings: Settings, logger: Logger? = nil) async throws -> any SQLDriver {
        switch try databaseURL(settings) {
        case .sqlite(let path):
            let readers = max(2, min(8, ProcessInfo.processInfo.activeProcessorCount))
            return try await startingUp(settings) { try SQLiteDriver(path: path, readers: readers) }
        case .postgresql(let url):
            let connections = try settings.positiveNumber(.databaseConnections)
            guard (Int64(PostgreSQLConfiguration.fewestConnections)...1000).contains(connections) else {
                throw LatchkeyError(
                    .configuration,
                    "\(Setting.databaseConnections.name) is \(connections), and not from \(PostgreSQLConfiguration.fewestConnections) to 1000"
                )
            }
            var configuration = try PostgreSQLConfiguration(url: url, connections: Int(connections))
            if let logger {
                let troubles = ConnectionTroubles(logger: logger)
                configuration.onTrouble = { troubles.note($0) }
            }
            return try PostgreSQLDriver(configuration)
        }
    }

    /// A file that cannot be opened at start is a mistake in the settings, not a passing trouble. A server may be back in
    /// a moment: then whoever started us may start us again.
    private static func startingUp<R>(_ settings: Settings, _ body: () async throws -> R) async throws -> R {
        do { return try await body() } catch let error as LatchkeyError where error.code == .storeUnavailable {
            let isSQLite = if case .sqlite = try databaseURL(settings) { true } else { false }
            guard isSQLite || error == PostgreSQLError.lacksPrivilege else { throw error }
            throw LatchkeyError(.configuration, error.reason, hint: error.hint)
        }
    }

    func close() async {
        try? await client.shutdown()
        await driver.close()
    }
}
