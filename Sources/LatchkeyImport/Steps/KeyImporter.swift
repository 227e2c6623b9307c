package import LatchkeyCore
import LatchkeyCrypto

/// Puts keys out of a source into Latchkey, each once: what is there already is left alone.
package struct KeyImporter: Sendable {
    package enum Destination: Sendable {
        case vault(KeyVault)
        /// Nothing is written and no database is asked; what the vault would refuse by itself is refused.
        case nowhere(ProviderCatalogue, KeyPolicy, WallClock)
    }

    private let destination: Destination
    private let replaces: Bool
    /// Enough to share commits, few enough to stay a small part of the database's connections.
    private let atOnce: Int

    /// - Parameter replaces: whether a key of the source takes the place of another one that is there.
    package init(_ destination: Destination, replaces: Bool = false, atOnce: Int = 32) {
        self.destination = destination
        self.replaces = replaces
        self.atOnce = max(1, atOnce)
    }

    /// Imports one batch, several keys at a time. Keys of one name are taken in the source's order, so that which of
    /// two wins does not depend on chance.
    ///
    /// - Returns: what became of each step, in the order of the steps.
    /// - Throws: what concerns all of them: the database is away, this node may not write. What was stored by then is
    ///   stored, and the import can be run again.
    package func run(_ steps: [ImportStep]) async throws -> [ImportResult] {
        var results = [ImportResult?](repeating: nil, count: steps.count)
        var groups: [KeyReference: [Int]] = [:]
        var order: [KeyReference] = []
        for (index, step) in steps.enumerated() {
            switch step {
            case .refused(let item, let refusal): results[index] = ImportResult(item, refusal)
            case .entry(let entry):
                if groups[entry.reference] == nil { order.append(entry.reference) }
                groups[entry.reference, default: []].append(index)
            }
        }
        try await withThrowingTaskGroup(of: [(Int, ImportResult)].self) { group in
            var waiting = order[...]
            func startNext() {
                guard let reference = waiting.popFirst(), let indices = groups[reference] else { return }
                let entries = indices.compactMap { index -> (Int, ImportEntry)? in
                    guard case .entry(let entry) = steps[index] else { return nil }
                    return (index, entry)
                }
                group.addTask { try await importInOrder(entries) }
            }
            for _ in 0..<atOnce { startNext() }
            while let done = try await group.next() {
                for (index, result) in done { results[index] = result }
                startNext()
            }
        }
        return results.compactMap(\.self)
    }

    private func importInOrder(_ entries: [(Int, ImportEntry)]) async throws -> [(Int, ImportResult)] {
        var done: [(Int, ImportResult)] = []
        for (index, entry) in entries { done.append((index, try await importOne(entry))) }
        return done
    }

    private func importOne(_ entry: ImportEntry) async throws -> ImportResult {
        do {
            let imported = try await entry.open()
            switch destination {
            case .vault(let vault): return ImportResult(entry.item, try await store(imported, of: entry, in: vault))
            case .nowhere(let catalogue, let policy, let clock):
                try Self.check(imported, of: entry, catalogue, policy, clock)
                return ImportResult(entry.item, .stored)
            }
        } catch let refusal as ImportRefusal {
            return ImportResult(entry.item, refusal)
        } catch let error as LatchkeyError where Self.concernsOneKey(error) {
            return ImportResult(entry.item, .refused(error.reason))
        } catch let error as CryptoError {
            return ImportResult(entry.item, .refused(error.reason))
        }
    }

    private static func concernsOneKey(_ error: LatchkeyError) -> Bool {
        error.code.status < 500 || error.code == .integrity
    }

    /// Somebody wrote the row between our look at it and our write.
    private struct RowChanged: Error {}

    private func store(
        _ imported: ImportedKey, of entry: ImportEntry, in vault: KeyVault
    ) async throws -> ImportResult.Outcome {
        let reference = entry.reference
        let request = SetKeyRequest(
            provider: reference.provider.text, key: imported.key, name: reference.name.text, label: imported.label,
            baseURL: imported.baseURL, fields: imported.fields, expiresAt: imported.expiresAt, validate: false)
        for _ in 0..<8 {
            let seen = try await vault.store.key(reference)
            if let seen {
                if try await holds(seen, imported, vault) { return .alreadyThere }
                guard replaces else { return .kept }
            }
            do {
                _ = try await vault.set(request, of: reference.owner, by: Caller(.cli)) { current in
                    // The salt is new with each write: the same salt is the same row.
                    guard current?.sealed.salt == seen?.sealed.salt else { throw RowChanged() }
                }
                return .stored
            } catch is RowChanged {
                continue
            }
        }
        throw LatchkeyError(.storeUnavailable, "others keep writing the same key", hint: "run the import again")
    }

    /// By its keyed hash: nothing need be opened to see that it is the same key.
    private func holds(_ row: UserAPIKey, _ imported: ImportedKey, _ vault: KeyVault) async throws -> Bool {
        let ownerKey = try await vault.sealing.keyring.ownerKey(row.owner.recordOwner, kid: row.sealed.kid)
        let hash = ownerKey.keyHash(provider: row.provider.text, secret: imported.key.secret)
        return hash.utf8.elementsEqual(row.keyHash.utf8)
    }

    /// What `KeyVault.set` refuses without asking anybody.
    private static func check(
        _ imported: ImportedKey, of entry: ImportEntry, _ catalogue: ProviderCatalogue, _ policy: KeyPolicy,
        _ clock: WallClock
    ) throws {
        let provider = try catalogue.provider(named: entry.reference.provider.text)
        if let label = imported.label { try LabelFormat.check(label) }
        try imported.key.checkForm()
        if let expiresAt = imported.expiresAt, expiresAt <= clock.now() {
            throw ImportRefusal.refused("its expiry lies in the past")
        }
        _ = try policy.baseURL(imported.baseURL, provider: provider, fields: imported.fields)
    }
}
