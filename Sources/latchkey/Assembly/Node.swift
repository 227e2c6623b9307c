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
    let driver: SQLiteDriver
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
    static func open(_ settings: Settings) async throws -> Node {
        let catalogue = try catalogue(settings)
        let keyring = try keyring(settings)
        try await startingUp { try await inspect(settings, keyring) }
        let driver = try openDatabase(settings)
        let store = SQLStore(driver: driver)
        try await store.migrate()
        let standing = try await KeysetCheck.run(store: store, keyring: keyring, clock: .system)
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
        guard let driver = try inspectDatabase(settings) else { return }
        let store = SQLStore(driver: driver)
        _ = try await store.missingMigrations()
        guard try await driver.appliedMigrations().contains(where: { $0.version == Schema.keysetVersion }) else {
            return
        }
        let entries = try await store.keyset()
        if !entries.isEmpty { _ = try await KeysetCheck.compare(entries, keyring) }
    }

    /// The database opened for reading only; nil when there is none yet.
    static func inspectDatabase(_ settings: Settings) throws -> SQLiteDriver? {
        switch try DatabaseURL(settings[.databaseURL] ?? "") {
        case .sqlite(let path):
            guard DatabaseFile.exists(path) else { return nil }
            return try startingUp { try SQLiteDriver(inspecting: path) }
        }
    }

    static func openDatabase(_ settings: Settings) throws -> SQLiteDriver {
        switch try DatabaseURL(settings[.databaseURL] ?? "") {
        case .sqlite(let path):
            let readers = max(2, min(8, ProcessInfo.processInfo.activeProcessorCount))
            return try startingUp { try SQLiteDriver(path: path, readers: readers) }
        }
    }

    /// A database that cannot be opened at start is a mistake in the settings, not a passing trouble.
    private static func startingUp<R>(_ body: () async throws -> R) async throws -> R {
        do { return try await body() } catch let error as LatchkeyError where error.code == .storeUnavailable {
            throw LatchkeyError(.configuration, error.reason, hint: error.hint)
        }
    }

    private static func startingUp<R>(_ body: () throws -> R) throws -> R {
        do { return try body() } catch let error as LatchkeyError where error.code == .storeUnavailable {
            throw LatchkeyError(.configuration, error.reason, hint: error.hint)
        }
    }

    func close() async {
        try? await client.shutdown()
        try? driver.close()
    }
}
