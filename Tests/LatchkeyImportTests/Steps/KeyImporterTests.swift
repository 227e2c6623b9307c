import LatchkeyCore
import LatchkeyCrypto
import LatchkeyTesting
import Synchronization
import Testing

@testable import LatchkeyImport

/// What becomes of a key that meets what Latchkey has.
struct KeyImporterTests {
    private let store = ModelStore()
    private let faulty: FaultyStore
    private let fixture: VaultFixture
    private let importer: KeyImporter
    private let replacing: KeyImporter

    init() throws {
        faulty = FaultyStore(store)
        fixture = try VaultFixture(store: faulty)
        importer = KeyImporter(.vault(fixture.vault))
        replacing = KeyImporter(.vault(fixture.vault), replaces: true)
    }

    private func reference(_ user: String) throws -> KeyReference {
        try Sample.reference(try Sample.user(user), "acme")
    }

    private func entry(_ user: String, _ key: String, place: String = "row 1") throws -> ImportStep {
        let key = ImportedKey(key: SharedSecret(text: key))
        return .entry(
            ImportEntry(
                item: ImportItem(place: place, user: user, provider: "acme"), reference: try reference(user)
            ) { key })
    }

    private func outcomes(_ importer: KeyImporter, _ steps: [ImportStep]) async throws -> [ImportResult.Outcome] {
        try await importer.run(steps).map(\.outcome)
    }

    @Test func `a key is stored sealed, once, and asked nobody about`() async throws {
        #expect(try await outcomes(importer, [try entry("alice", "acme-1")]) == [.stored])
        #expect(try await fixture.secret(of: try reference("alice")) == "acme-1")
        #expect(fixture.transport.requests.isEmpty)
        let before = try await fixture.events()
        #expect(before.map(\.actor) == [.cli])
        #expect(try await outcomes(importer, [try entry("alice", "acme-1")]) == [.alreadyThere])
        #expect(try await outcomes(replacing, [try entry("alice", "acme-1")]) == [.alreadyThere])
        // The second run changed nothing: no event, no new version.
        #expect(try await fixture.events() == before)
        #expect(try await store.key(try reference("alice"))?.sealed.rowVersion == 1)
    }

    @Test func `another key that is there stays, unless it is to be replaced`() async throws {
        try await fixture.set(key: "acme-newer", of: try Sample.user("alice"))
        #expect(try await outcomes(importer, [try entry("alice", "acme-old")]) == [.kept])
        #expect(try await fixture.secret(of: try reference("alice")) == "acme-newer")
        #expect(try await outcomes(replacing, [try entry("alice", "acme-old")]) == [.stored])
        #expect(try await fixture.secret(of: try reference("alice")) == "acme-old")
    }

    @Test func `results come in the source's order, and of two keys of one name the first wins`() async throws {
        for round in 0..<5 {
            let fixture = try VaultFixture(store: ModelStore())
            var steps: [ImportStep] = []
            for user in 0..<40 { steps.append(try entry("u\(user)", "acme-first", place: "row \(user)")) }
            for user in 0..<40 { steps.append(try entry("u\(user)", "acme-second", place: "row \(user + 40)")) }
            let refused = ImportItem(place: "row 80", user: "", provider: "")
            steps.append(.refused(refused, .refused("no")))
            let results = try await KeyImporter(.vault(fixture.vault), atOnce: 1 + round % 7).run(steps)
            #expect(results.map(\.item.place) == (0...80).map { "row \($0)" })
            #expect(results.prefix(40).allSatisfy { $0.outcome == .stored })
            #expect(results.dropFirst(40).prefix(40).allSatisfy { $0.outcome == .kept })
            #expect(results.last?.outcome == .refused("no"))
        }
    }

    @Test func `what is wrong with one key is that key's, and says nothing of it`() async throws {
        let masked = try await outcomes(
            importer,
            [try entry("alice", "acme-****-secret"), try entry("bob", "acme-1"), try entry("carol", "two words")])
        #expect(masked[1] == .stored)
        for outcome in [masked[0], masked[2]] {
            guard case .refused(let reason) = outcome else {
                Issue.record("\(outcome)")
                continue
            }
            #expect(!reason.contains("secret") && !reason.contains("words"))
        }
        #expect(try await store.keyCount(.user) == 1)
    }

    @Test(arguments: [FaultyStore.Call.key, .put])
    func `a database that is away ends the import`(_ call: FaultyStore.Call) async throws {
        faulty.fail(call)
        let error = await failure { try await importer.run([try entry("alice", "acme-1")]) }
        #expect(error?.code == .storeUnavailable)
        faulty.fail(call, with: nil)
        #expect(try await outcomes(importer, [try entry("alice", "acme-1")]) == [.stored])
    }

    @Test func `a key that its user stores meanwhile is not overwritten`() async throws {
        let root = try VaultFixture.newRoot(1)
        let beside = try VaultFixture(store: store, roots: [root])
        let reference = try reference("alice")
        // The user is faster: between the import's look at the row and its write, while the root is asked.
        let interrupted = InterruptingRoot(root) {
            try await beside.set(key: "acme-by-the-user", of: reference.owner)
        }
        let fixture = try VaultFixture(store: store, roots: [interrupted])
        #expect(try await outcomes(KeyImporter(.vault(fixture.vault)), [try entry("alice", "acme-old")]) == [.kept])
        #expect(interrupted.hasInterrupted)
        #expect(try await beside.secret(of: reference) == "acme-by-the-user")
    }

    @Test func `a dry run writes nothing and refuses what a run would`() async throws {
        let dry = KeyImporter(.nowhere(fixture.catalogue, KeyPolicy(), fixture.clock.clock))
        let past = Timestamp(microseconds: 0)
        let key = SharedSecret(text: "acme-1")
        let steps = try [
            ImportedKey(key: key), ImportedKey(key: SharedSecret(text: "a b")), ImportedKey(key: key, expiresAt: past),
            ImportedKey(key: key, baseURL: "https://evil.example"), ImportedKey(key: key, label: "a\nb"),
            ImportedKey(key: key, fields: ["x": "y"]),
        ].map { imported in
            ImportStep.entry(
                ImportEntry(
                    item: ImportItem(place: "", user: "", provider: ""), reference: try reference("alice")
                ) { imported })
        }
        let dryOutcomes = try await outcomes(dry, steps)
        #expect(faulty.calls.isEmpty)
        #expect(dryOutcomes.first == .stored)
        for (index, outcome) in dryOutcomes.enumerated().dropFirst() {
            guard case .refused = outcome else {
                Issue.record("step \(index): \(outcome)")
                continue
            }
            guard case .refused = try await outcomes(importer, [steps[index]])[0] else {
                Issue.record("step \(index) is stored by a run")
                continue
            }
        }
    }
}

/// A root that does something else before its first answer.
private final class InterruptingRoot: RootKey {
    private let inner: SoftwareRootKey
    private let interruption: @Sendable () async throws -> Void
    private let done = Mutex(false)

    init(_ inner: SoftwareRootKey, _ interruption: @escaping @Sendable () async throws -> Void) {
        self.inner = inner
        self.interruption = interruption
    }

    var kid: UInt32 { inner.kid }
    var hasInterrupted: Bool { done.withLock { $0 } }

    func derive(_ context: DerivationContext) async throws -> SharedSecret {
        let isFirst = done.withLock { done in
            defer { done = true }
            return !done
        }
        if isFirst { try await interruption() }
        return try await inner.derive(context)
    }
}
