extension Credential {
    /// Reads a payload.
    ///
    /// Strict: exactly the six members in any order, none twice, version 1, and after the object nothing but spaces. The
    /// secret goes from the payload straight into memory that is wiped; it never is a `String` or an array.
    ///
    /// - Throws: ``CryptoError`` with code `payload_invalid`. The sentence quotes nothing from the payload.
    public static func decode(_ payload: borrowing Secret) throws(CryptoError) -> Credential {
        do {
            return try payload.withUnsafeBytes { bytes in
                guard bytes.count <= Payload.maximumByteCount else {
                    throw CryptoError(
                        .payloadInvalid, "the payload has \(bytes.count) bytes, \(Payload.maximumByteCount) is the most"
                    )
                }
                var reader = CredentialReader(try JSONScanner(bytes))
                return try reader.read()
            }
        } catch let error as CryptoError {
            throw error
        } catch let error as JSONParseError {
            throw CryptoError(
                .payloadInvalid, "the payload is not JSON (\(error.reason.rawValue), byte \(error.offset))")
        } catch {
            throw CryptoError(.payloadInvalid, "the payload cannot be read")
        }
    }
}

/// Reads the members of a payload as they come.
private struct CredentialReader: ~Copyable {
    private enum Member: String {
        case baseURL = "base_url"
        case expiresAt = "expires_at"
        case fields
        case kind
        case secret
        case version = "v"
    }

    private var scanner: JSONScanner
    private var seen: Set<Member> = []

    private var baseURL = ""
    private var expiresAt: Int64?
    private var fields: [String: String] = [:]
    private var kind = Credential.Kind.apiKey
    private var secret: Secret?

    init(_ scanner: JSONScanner) {
        self.scanner = scanner
    }

    mutating func read() throws -> Credential {
        try readObject { reader, name in
            guard let member = Member(rawValue: name) else { throw invalid("has a member that is not known") }
            guard reader.seen.insert(member).inserted else { throw invalid("has the member \(name) twice") }
            try reader.read(member)
        }
        while scanner.skip(" ") {}
        guard scanner.isAtEnd else { throw invalid("goes on after its object, only spaces are expected") }
        guard seen.count == 6, let secret = secret.take() else { throw invalid("lacks a member, six are expected") }
        return Credential(baseURL: baseURL, expiresAt: expiresAt, fields: fields, kind: kind, secret: secret)
    }

    private mutating func read(_ member: Member) throws {
        switch member {
        case .baseURL: baseURL = try readString()
        case .expiresAt: expiresAt = try readExpiry()
        case .fields: try readFields()
        case .kind:
            guard let known = Credential.Kind(rawValue: try readString()) else { throw invalid("has an unknown kind") }
            kind = known
        case .secret: secret = try readSecret()
        case .version:
            guard JSONNumber(text: try scanner.number()).int64 == Payload.version else {
                throw invalid("has an unknown version, the newest is \(Payload.version)")
            }
        }
    }

    /// Steps over an object, calling `member` with each name when its value comes next.
    private mutating func readObject(_ member: (inout CredentialReader, String) throws -> Void) throws {
        try scanner.expect("{")
        scanner.skipSpace()
        if scanner.skip("}") { return }
        while true {
            scanner.skipSpace()
            let name = try readString()
            scanner.skipSpace()
            try scanner.expect(":")
            scanner.skipSpace()
            try member(&self, name)
            scanner.skipSpace()
            if scanner.skip("}") { return }
            try scanner.expect(",")
        }
    }

    private mutating func readString() throws -> String {
        let token = try scanner.string()
        return String(unsafeUninitializedCapacity: token.decodedCount) { buffer in
            scanner.decode(token, into: UnsafeMutableRawBufferPointer(buffer))
            return token.decodedCount
        }
    }

    private mutating func readSecret() throws -> Secret {
        let token = try scanner.string()
        let secret = Secret(count: token.decodedCount) { scanner.decode(token, into: $0) }
        _ = try secret.withUnsafeBytes { Credential.check($0) }.get()
        return secret
    }

    private mutating func readExpiry() throws -> Int64? {
        if scanner.peek() == UInt8(ascii: "n") {
            try scanner.expect("null")
            return nil
        }
        guard let seconds = JSONNumber(text: try scanner.number()).int64 else {
            throw invalid("has an expiry that is not an integer of 64 bits")
        }
        return seconds
    }

    private mutating func readFields() throws {
        try readObject { reader, name in
            // Also refuses two names that differ in bytes and are one `String`, which a dictionary cannot hold apart.
            guard reader.fields.updateValue(try reader.readString(), forKey: name) == nil else {
                throw invalid("has a field twice")
            }
        }
    }
}

private func invalid(_ fault: String) -> CryptoError {
    CryptoError(.payloadInvalid, "the payload \(fault)")
}
