import LatchkeyCore
import LatchkeyCrypto
import LatchkeySQL
import LatchkeyTesting
import Testing

/// Two keys exchange names: sealed anew, and nothing of either is lost.
struct KeyVaultDefaultTests {
    private let caller = Caller(.service, requestID: "request-2")

    private func reference(_ name: String, of owner: KeyOwner = .user(alice)) throws -> KeyReference {
        try Sample.reference(owner, "acme", name)
    }

    @Test func `everything but name, seal and time goes with its key`() async throws {
        let fixture = try VaultFixture(store: ModelStore())
        let expiry = Sample.time.advanced(bySeconds: 86_400)
        let one = try await fixture.set(key: "acme-one-0123456789abcdef-AAAA", label: "one", of: .user(alice))
        let two = try await fixture.set(
            key: "acme-two-0123456789abcdef-BBBB", name: "work", label: "two", expiresAt: expiry, validate: false,
            of: .user(alice))
        let use = Sample.time.advanced(bySeconds: 5)
        try await fixture.store.recordUse([(reference("work"), use)])
        let (key, former) = try await fixture.vault.makeDefault(reference("work"), by: caller)
        var expected = two
        (expected.name, expected.lastUsedAt) = (.default, use)
        (expected.sealed, expected.updatedAt, expected.keyHash) = (key.sealed, key.updatedAt, key.keyHash)
        #expect(key == expected)
        #expect(key.expiresAt == expiry && key.sealed != two.sealed && key.sealed.rowVersion == 2)
        let other = try #require(former)
        expected = one
        expected.name = try KeyName("work")
        (expected.sealed, expected.updatedAt, expected.keyHash) = (other.sealed, other.updatedAt, other.keyHash)
        #expect(other == expected)
        #expect(try await fixture.store.keys(of: .user(alice)) == [key, other])
        #expect(try await fixture.secret(of: reference("default")) == "acme-two-0123456789abcdef-BBBB")
        #expect(try await fixture.secret(of: reference("work")) == "acme-one-0123456789abcdef-AAAA")
        let events = try await fixture.events().suffix(2)
        #expect(events.map(\.action) == [.keyDefault, .keyDefault])
        #expect(events.map(\.name?.text) == ["work", "default"])
        #expect(events.map(\.detail) == ["to_default", "from_default"])
        #expect(events.allSatisfy { $0.rowVersion == 2 && $0.requestID == "request-2" && $0.outcome == "ok" })
    }

    @Test func `old parts of either row open under neither name`() async throws {
        let fixture = try VaultFixture(store: ModelStore())
        let one = try await fixture.set(key: "acme-one-0123456789abcdef-AAAA", of: .user(alice))
        let two = try await fixture.set(key: "acme-two-0123456789abcdef-BBBB", name: "work", of: .user(alice))
        let (key, former) = try await fixture.vault.makeDefault(reference("work"), by: caller)
        let sealing = fixture.vault.sealing
        for (row, name) in [(one, "work"), (two, "default"), (key, "work"), (try #require(former), "default")] {
            let reference = try reference(name)
            #expect(await failure { _ = try await sealing.open(row, as: reference) } == KeySealing.integrity)
        }
        for name in ["default", "work"] {
            var row = try #require(try await fixture.store.key(reference(name)))
            row.sealed.rowVersion = 1
            let reference = try reference(name)
            #expect(await failure { _ = try await sealing.open(row, as: reference) } == KeySealing.integrity)
        }
    }

    @Test func `a row that does not open stops it, on record, and nothing is changed`() async throws {
        for broken in ["default", "work"] {
            let fixture = try VaultFixture(store: ModelStore())
            for name in ["default", "work"] { try await fixture.set(name: name, of: .user(alice)) }
            let target = try reference(broken)
            _ = try await fixture.store.put(target, event: Sample.event(.keySet, target)) { row in
                guard var row else { throw ContractViolation("no row") }
                row.baseURL = "https://evil.example"
                return row
            }
            let before = try await fixture.store.keys(of: .user(alice))
            #expect(await code { try await fixture.vault.makeDefault(reference("work"), by: caller) } == .integrity)
            #expect(try await fixture.store.keys(of: .user(alice)) == before)
            let event = try #require(try await fixture.events().last)
            #expect(event.action == .keyDefault && event.outcome == "integrity")
        }
    }

    @Test func `a failure of the store changes nothing`() async throws {
        let model = ModelStore()
        let store = FaultyStore(model)
        let fixture = try VaultFixture(store: store)
        for name in ["default", "work"] { try await fixture.set(name: name, of: .user(alice)) }
        let (before, events) = (try await model.keys(of: .user(alice)), try await model.events(limit: 10))
        store.fail(.rewrite)
        #expect(await code { try await fixture.vault.makeDefault(reference("work"), by: caller) } == .storeUnavailable)
        #expect(try await model.keys(of: .user(alice)) == before)
        #expect(try await model.events(limit: 10) == events)
    }

    /// Exchanges, sets, checks and deletions of the same two names at once: whatever comes out, each row opens as what it
    /// says it is, and no key is there twice.
    @Test func `with everything at once no key is lost or doubled`() async throws {
        for round in 0..<6 {
            let folder = try TemporaryFolder()
            let store: any Store
            if round % 2 == 0 {
                store = ModelStore()
            } else {
                let sql = SQLStore(driver: try SQLiteDriver(path: folder.newFile()), remembersRows: true)
                try await sql.migrate()
                store = sql
            }
            let fixture = try VaultFixture(store: store)
            try await fixture.set(key: "acme-one-0123456789abcdef-AAAA", of: .user(alice))
            try await fixture.set(key: "acme-two-0123456789abcdef-BBBB", name: "work", of: .user(alice))
            let work = try reference("work")
            await withTaskGroup(of: Void.self) { group in
                for index in 0..<40 {
                    group.addTask {
                        switch index % 8 {
                        case 0: _ = try? await fixture.vault.validate(work, by: caller)
                        case 1 where round > 1:
                            _ = try? await fixture.set(
                                key: "acme-new-\(index)-0123456789abcdef-CCCC", name: "work", of: .user(alice))
                        case 2 where round > 3: try? await fixture.vault.remove(work, by: caller)
                        default: _ = try? await fixture.vault.makeDefault(work, by: caller)
                        }
                    }
                }
            }
            var secrets: [String] = []
            for row in try await store.keys(of: .user(alice)) {
                let reference = KeyReference(row.owner, row.provider, row.name)
                secrets.append(try await fixture.vault.sealing.open(row, as: reference).secret.text)
            }
            #expect(Set(secrets).count == secrets.count, "\(secrets)")
            if round < 2 {
                #expect(secrets.sorted() == ["acme-one-0123456789abcdef-AAAA", "acme-two-0123456789abcdef-BBBB"])
            }
        }
    }

    @Test func `global keys exchange names as well, and users' keys are not touched`() async throws {
        let fixture = try VaultFixture(store: ModelStore())
        for owner in [KeyOwner.global, .user(alice)] {
            for name in ["default", "work"] { try await fixture.set(name: name, of: owner) }
        }
        let before = try await fixture.store.keys(of: .user(alice))
        _ = try await fixture.vault.makeDefault(reference("work", of: .global), by: caller)
        #expect(try await fixture.store.keys(of: .user(alice)) == before)
        #expect(try await fixture.store.keys(of: .global).map(\.sealed.rowVersion) == [2, 2])
    }
}
