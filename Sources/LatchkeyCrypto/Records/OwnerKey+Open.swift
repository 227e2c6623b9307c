import Fernet

extension OwnerKey {
    /// Opens a record.
    ///
    /// There is one key to try, and no time rule: a clock set back must not lock anyone out.
    ///
    /// - Parameters:
    ///   - record: the row, untrusted.
    ///   - context: from the authenticated request, never from the row. Its owner must be this key's.
    /// - Returns: the payload with its padding.
    /// - Throws: ``CryptoError`` with code `unknown_suite` for a newer format, else `integrity` with no cause named.
    public func open(_ record: SealedRecord, as context: RecordContext) throws(CryptoError) -> Secret {
        guard record.suite == Suite.fernet else {
            throw CryptoError(
                .unknownSuite, "record suite \(record.suite) is not known, newest is \(Suite.newest)")
        }
        guard record.kid == kid, context.owner == owner, record.salt.count == KeyDerivation.keyByteCount else {
            throw CryptoError.integrity
        }
        do {
            return try withRecordKey(
                context, suite: record.suite, rowVersion: record.rowVersion, salt: record.salt
            ) { key in
                try record.token.span.bytes.withUnsafeBytes { token in
                    try Fernet.open(token, key: key) { Secret(copying: $0) }
                }
            }
        } catch {
            // Whatever it was, the caller learns that it does not open, and nothing else.
            throw CryptoError.integrity
        }
    }
}
