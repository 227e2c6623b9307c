import Fernet

extension OwnerKey {
    /// Seals `payload` as a record, with a fresh salt and IV from the system's CSPRNG.
    ///
    /// What was sealed is opened and compared before it is returned, so that a fault in the machine is found while the
    /// caller still has the payload.
    ///
    /// - Parameters:
    ///   - payload: the bytes to keep. The caller pads them; see ``Credential/encode()``.
    ///   - context: what the record is bound to. Its owner must be this key's.
    ///   - rowVersion: the version of the row as it will be written.
    ///   - time: Unix seconds, readable in the token.
    /// - Returns: the record, as a row will hold it.
    /// - Throws: ``CryptoError`` with code `integrity`.
    public func seal(
        _ payload: borrowing Secret, as context: RecordContext, rowVersion: UInt64, time: UInt64
    ) throws -> SealedRecord {
        try seal(
            payload, as: context, rowVersion: rowVersion, time: time,
            salt: SystemRandom.bytes(KeyDerivation.keyByteCount), iv: SystemRandom.bytes(16))
    }

    /// As ``seal(_:as:rowVersion:time:)`` with a given salt (32 bytes) and IV (16 bytes), for known answers only: the
    /// two together must never repeat.
    package func seal(
        _ payload: borrowing Secret, as context: RecordContext, rowVersion: UInt64, time: UInt64, salt: [UInt8],
        iv: [UInt8]
    ) throws -> SealedRecord {
        let token: [UInt8] = try withRecordKey(
            context, suite: Suite.fernet, rowVersion: rowVersion, salt: salt
        ) { key in
            try payload.withUnsafeBytes { bytes in
                do throws(FernetError) {
                    return try Fernet.seal(bytes, key: key, time: time, iv: iv)
                } catch {
                    throw CryptoError.integrity
                }
            }
        }
        let record = SealedRecord(kid: kid, suite: Suite.fernet, rowVersion: rowVersion, salt: salt, token: token)
        // This also refuses what could never be opened: another owner's context, a salt of another length.
        guard try open(record, as: context).constantTimeEquals(payload) else { throw CryptoError.integrity }
        return record
    }
}
