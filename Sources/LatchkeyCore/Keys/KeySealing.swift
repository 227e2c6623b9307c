package import LatchkeyCrypto

/// Seals credentials into rows and opens rows into credentials: the only place that does either.
package struct KeySealing: Sendable {
    package let keyring: RootKeyring

    package init(keyring: RootKeyring) { self.keyring = keyring }

    /// What one write seals, ready to be called inside the store's transaction: nothing in it waits.
    package func sealer(for reference: KeyReference, credential: consuming Credential) async throws -> Sealer {
        let ownerKey = try await keyring.ownerKey(reference.owner.recordOwner, kid: keyring.primary)
        let payload: Secret
        do { payload = try credential.encode() } catch {
            throw LatchkeyError(.invalidKeyFormat, error.reason)
        }
        return Sealer(
            reference: reference, ownerKey: ownerKey, payload: SharedSecret(payload),
            keyHash: ownerKey.keyHash(provider: reference.provider.text, secret: credential.secret),
            keyHint: credential.keyHint)
    }

    package struct Sealer: Sendable {
        let reference: KeyReference
        let ownerKey: OwnerKey
        let payload: SharedSecret
        package let keyHash: String
        package let keyHint: String?

        /// - Throws: `integrity` when what was sealed does not open again; nothing is written then.
        package func seal(rowVersion: UInt64, at time: Timestamp) throws -> SealedRecord {
            do {
                return try ownerKey.seal(
                    payload.secret, as: reference.context, rowVersion: rowVersion,
                    time: UInt64(max(0, time.unixSeconds)))
            } catch {
                throw LatchkeyError(.integrity, "the key could not be sealed")
            }
        }
    }

    /// Opens a row that was asked for as `reference`, and compares every column that repeats what is sealed.
    ///
    /// Owner, provider and name come from the authenticated request, never from the row: a row moved under another
    /// user, provider or name meets another key here and does not open.
    ///
    /// - Throws: `integrity`, one error for every cause.
    package func open(_ row: UserAPIKey, as reference: KeyReference) async throws -> Credential {
        do {
            return try await openAndCompare(row, as: reference)
        } catch is CryptoError {
            throw Self.integrity
        }
    }

    private func openAndCompare(_ row: UserAPIKey, as reference: KeyReference) async throws -> Credential {
        let ownerKey = try await keyring.ownerKey(reference.owner.recordOwner, kid: row.sealed.kid)
        let credential = try Credential.decode(try ownerKey.open(row.sealed, as: reference.context))
        let keyHash = ownerKey.keyHash(provider: reference.provider.text, secret: credential.secret)
        let agrees =
            bytesEqual(keyHash, row.keyHash)
            && credential.kind.rawValue == row.kind
            && bytesEqual(credential.baseURL, row.baseURL)
            && credential.expiresAt == row.expiresAt?.unixSeconds
            && bytesEqual(credential.keyHint ?? "", row.keyHint ?? "")
        guard agrees else { throw Self.integrity }
        return credential
    }

    package static var integrity: LatchkeyError {
        LatchkeyError(
            .integrity, "the stored key does not open as this user's key",
            hint: "enter the key again; `latchkey doctor` counts the rows that do not open")
    }

    /// `String ==` is canonical equivalence; these columns are compared as bytes.
    private func bytesEqual(_ lhs: String, _ rhs: String) -> Bool { lhs.utf8.elementsEqual(rhs.utf8) }
}
