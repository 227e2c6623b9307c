extension Fernet {
    /// A time rule for opening: how old a token may be, and what time it is.
    public struct TTL: Sendable {
        /// The age, in seconds, up to and with which a token opens.
        public var seconds: UInt64
        /// The time now, in Unix seconds.
        public var now: UInt64

        /// A token opens while `time + seconds >= now` and `time <= now + 60`.
        public init(seconds: UInt64, now: UInt64) {
            self.seconds = seconds
            self.now = now
        }
    }

    /// How far ahead of us a token's clock may be, in seconds. The specification's prose has no such rule, its
    /// acceptance tests do ("far-future TS").
    private static let maximumClockSkew: UInt64 = 60

    /// Opens `token` and lends its plaintext to `body`; afterwards the plaintext is wiped.
    ///
    /// The MAC is checked first and in constant time; only then version, time and padding.
    ///
    /// - Parameters:
    ///   - token: base64url with padding, the canonical spelling only.
    ///   - key: 32 bytes; the first 16 sign, the last 16 encrypt.
    ///   - ttl: the time rule, or nil for none (a stored record must open whatever the clock says).
    ///   - body: gets the plaintext for the time of the call; copy what must outlive it.
    /// - Returns: what `body` returns.
    /// - Throws: ``FernetError``, the same for every cause, or what `body` throws.
    public static func open<R: ~Copyable>(
        _ token: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer, ttl: TTL? = nil,
        _ body: (UnsafeRawBufferPointer) throws -> R
    ) throws -> R {
        guard key.count == keyByteCount, let count = Base64URL.decodedCount(token, padded: true),
            count >= headerByteCount + AESCBC.blockByteCount + HMACSHA256.byteCount
        else { throw FernetError() }
        return try withUnsafeTemporaryAllocation(byteCount: count, alignment: 16) { buffer in
            guard Base64URL.decode(token, padded: true, into: buffer) else { throw FernetError() }
            let raw = UnsafeRawBufferPointer(buffer)
            let signed = UnsafeRawBufferPointer(rebasing: raw[..<(count - HMACSHA256.byteCount)])
            guard isAuthentic(signed, code: UnsafeRawBufferPointer(rebasing: raw[signed.count...]), key: key),
                raw[0] == version
            else { throw FernetError() }
            if let ttl {
                let time = UInt64(bigEndian: raw.loadUnaligned(fromByteOffset: 1, as: UInt64.self))
                guard isCurrent(time, ttl) else { throw FernetError() }
            }
            return try AESCBC.decrypt(
                UnsafeRawBufferPointer(rebasing: signed[headerByteCount...]),
                key: UnsafeRawBufferPointer(rebasing: key[16...]),
                iv: UnsafeRawBufferPointer(rebasing: signed[9..<headerByteCount]), body)
        }
    }

    private static func isAuthentic(
        _ signed: UnsafeRawBufferPointer, code: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer
    ) -> Bool {
        withUnsafeTemporaryAllocation(byteCount: HMACSHA256.byteCount, alignment: 16) { expected in
            HMACSHA256.authenticate(signed, key: UnsafeRawBufferPointer(rebasing: key[..<16]), into: expected)
            return SecureMemory.constantTimeEquals(UnsafeRawBufferPointer(expected), code)
        }
    }

    /// The time comes from the token, so it may be any of 2^64 values: a sum that overflows means "never", not a trap.
    private static func isCurrent(_ time: UInt64, _ ttl: TTL) -> Bool {
        let expiry = time.addingReportingOverflow(ttl.seconds)
        let latest = ttl.now.addingReportingOverflow(maximumClockSkew)
        let expired = !expiry.overflow && expiry.partialValue < ttl.now
        let ahead = !latest.overflow && time > latest.partialValue
        return !expired && !ahead
    }
}
