import LatchkeyCore
import LatchkeyCrypto
import LatchkeyTesting

let alice = user("alice")
let bob = user("bob")
let service = Caller(.service, requestID: "request-1")

/// A user's id that is known to be one.
func user(_ text: String) -> UserID {
    do { return try UserID(text) } catch { preconditionFailure("\(error)") }
}

/// What came out of an opening or a resolving, as values that can be compared.
struct Served: Equatable {
    var source: KeyResolver.Source?
    var secret: String
    var baseURL: String
    var verdict: Verdict?
}

extension VaultFixture {
    /// Opens a row through the vault.
    func open(_ reference: KeyReference, by caller: Caller = service) async throws -> Served {
        guard let row = try await store.key(reference) else { throw KeyVault.notFound(reference) }
        let credential = try await vault.open(KeyForUse(row), as: reference, by: caller, detail: "test")
        return Served(source: nil, secret: credential.secret.text, baseURL: credential.baseURL, verdict: nil)
    }

    /// Changes a row behind the vault's back: what a person who can write the database does.
    func tamper(_ reference: KeyReference, _ change: @escaping @Sendable (inout UserAPIKey) -> Void) async throws {
        _ = try await store.put(reference, event: Sample.event()) { existing in
            guard var row = existing else { throw KeyVault.notFound(reference) }
            change(&row)
            return row
        }
    }

    /// Events of one action, oldest first.
    func events(_ action: AuditEvent.Action) async throws -> [AuditEvent] {
        try await events().filter { $0.action == action }
    }
}

extension KeyResolver {
    func serve(_ user: UserID = alice, _ provider: String = "acme", name: String? = nil) async throws -> Served {
        let provider = try vault.catalogue.provider(named: provider)
        let resolved = try await resolve(
            user: user, provider: provider, name: try name.map { try KeyName($0) }, by: service)
        return Served(
            source: resolved.source, secret: resolved.credential.secret.text, baseURL: resolved.credential.baseURL,
            verdict: resolved.verdict)
    }
}
