package import LatchkeyCore
package import LatchkeyCrypto

/// Rows, references and events for tests of what lies below the sealing: the records in them open under no key.
package enum Sample {
    /// 2026-01-01T00:00:00Z.
    package static let time = Timestamp(microseconds: 1_767_225_600_000_000)

    package static func user(_ id: String) throws -> KeyOwner { .user(try UserID(id)) }

    /// - Throws: `ContractViolation` when the provider's id is not of the form.
    package static func reference(
        _ owner: KeyOwner, _ provider: String = "openai", _ name: String = "default"
    ) throws -> KeyReference {
        guard let provider = ProviderID(provider) else { throw ContractViolation("\(provider) is no provider's id") }
        return KeyReference(owner, provider, try KeyName(name))
    }

    package static func record(version: UInt64, fill: UInt8 = 0x41, kid: UInt32 = 1) -> SealedRecord {
        SealedRecord(
            kid: kid, suite: 1, rowVersion: version, salt: [UInt8](repeating: fill, count: 32),
            token: [UInt8](repeating: fill | 0x40, count: 44))
    }

    /// A row with nothing in its optional columns.
    package static func key(
        _ reference: KeyReference, version: UInt64 = 1, at time: Timestamp = time, nextCheckAt: Timestamp? = nil
    ) -> UserAPIKey {
        UserAPIKey(
            owner: reference.owner, provider: reference.provider, name: reference.name,
            sealed: record(version: version), keyHash: String(repeating: "a", count: 64), keyHint: nil,
            kind: "api_key", label: nil, baseURL: "https://api.example/v1", verdict: .unknown, evidence: Evidence(),
            lastValidated: nil, nextCheckAt: nextCheckAt, expiresAt: nil, createdAt: time, updatedAt: time,
            lastUsedAt: nil)
    }

    /// A row with something of its own in every column.
    package static func fullKey(
        _ reference: KeyReference, version: UInt64 = 1, random: inout SeededRandom
    ) -> UserAPIKey {
        var key = key(reference, version: version)
        key.sealed = SealedRecord(
            kid: .random(in: 1...UInt32.max, using: &random), suite: .random(in: 0...255, using: &random),
            rowVersion: version, salt: random.bytes(32),
            token: (0..<100).map { _ in UInt8.random(in: 0x21...0x7E, using: &random) })
        key.keyHash = String(random.next(), radix: 16)
        key.keyHint = random.pick(["wxyz", nil, "'\"; ", "%_$1"])
        key.kind = random.pick(["api_key", "oauth"])
        key.label = random.pick([nil, "", "caf\u{e9} 🔑", "'; DROP TABLE user_api_keys; --", "$1 ?1 :a @b"])
        key.baseURL = random.pick(["https://api.example/v1", "http://127.0.0.1:9"])
        key.verdict = random.pick(Verdict.allCases)
        key.evidence = Evidence(
            httpStatus: random.pick([nil, 200, 401, 599]), code: random.pick([nil, "invalid_api_key"]),
            checkedAt: random.chance(0.5) ? nil : Timestamp(microseconds: random.microseconds()),
            decisive: random.chance(0.5))
        func time() -> Timestamp? { random.chance(0.3) ? nil : Timestamp(microseconds: random.microseconds()) }
        key.lastValidated = time()
        key.nextCheckAt = time()
        key.expiresAt = time()
        key.createdAt = Timestamp(microseconds: random.microseconds())
        key.updatedAt = Timestamp(microseconds: random.microseconds())
        key.lastUsedAt = time()
        return key
    }

    package static func event(
        _ action: AuditEvent.Action = .keyUse, _ reference: KeyReference? = nil, version: UInt64? = nil,
        detail: String? = nil, at time: Timestamp = time
    ) -> AuditEvent {
        AuditEvent(
            at: time, actor: .service, action: action, owner: reference?.owner, provider: reference?.provider,
            name: reference?.name, rowVersion: version, detail: detail, requestID: "request-1")
    }
}

extension Store {
    /// Writes `key` over whatever is there, one version higher: what `KeyVault.set` does, without sealing.
    @discardableResult
    package func write(_ key: UserAPIKey, event: AuditEvent? = nil) async throws -> UserAPIKey {
        let reference = KeyReference(key.owner, key.provider, key.name)
        return try await put(reference, event: event ?? Sample.event(.keySet, reference)) { existing in
            var key = key
            key.sealed.rowVersion = (existing?.sealed.rowVersion ?? 0) + 1
            return key
        }
    }
}
