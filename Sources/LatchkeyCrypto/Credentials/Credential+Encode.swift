import Fernet

extension Credential {
    /// The payload to seal: `{"base_url","expires_at","fields","kind","secret","v":1}` as JSON with sorted names and no
    /// spaces, then spaces up to a multiple of 256 bytes.
    ///
    /// - Throws: ``CryptoError`` with code `payload_invalid` if the secret is not UTF-8 or has a control character,
    ///   `payload_too_large` above 8192 bytes.
    public borrowing func encode() throws(CryptoError) -> Secret {
        let escapes = try secret.withUnsafeBytes { Self.check($0) }.get()
        var head: [UInt8] = []
        // Room for the longest payload, so that growing leaves no copy of a field behind. `fields` may hold a refresh
        // token, hence the wiping.
        head.reserveCapacity(Payload.maximumByteCount)
        defer { SecureMemory.wipe(&head) }
        appendHead(to: &head)
        let tail = [UInt8]("\",\"v\":\(Payload.version)}".utf8)

        // Each of these counts is of bytes that are in memory, so the sum cannot overflow.
        let count = head.count + secret.count + escapes + tail.count
        guard count <= Payload.maximumByteCount else {
            throw CryptoError(
                .payloadTooLarge, "the credential takes \(count) bytes, \(Payload.maximumByteCount) is the most")
        }
        let padded = (count + Payload.paddingUnit - 1) / Payload.paddingUnit * Payload.paddingUnit
        return Secret(count: padded) { output in
            head.withUnsafeBytes { output.copyMemory(from: $0) }
            var write = head.count
            secret.withUnsafeBytes { bytes in
                for byte in bytes {
                    if Self.isEscaped(byte) {
                        output[write] = UInt8(ascii: "\\")
                        write += 1
                    }
                    output[write] = byte
                    write += 1
                }
            }
            for byte in tail {
                output[write] = byte
                write += 1
            }
            for index in write..<padded { output[index] = UInt8(ascii: " ") }
        }
    }

    /// Everything before the bytes of the secret.
    private borrowing func appendHead(to text: inout [UInt8]) {
        text += "{\"base_url\":".utf8
        JSONText.append(baseURL, to: &text)
        text += ",\"expires_at\":".utf8
        text += (expiresAt.map { "\($0)" } ?? "null").utf8
        text += ",\"fields\":{".utf8
        // By bytes: the order of `String` follows canonical equivalence, which another implementation need not have.
        let sorted = fields.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        for (index, field) in sorted.enumerated() {
            if index > 0 { text.append(UInt8(ascii: ",")) }
            JSONText.append(field.key, to: &text)
            text.append(UInt8(ascii: ":"))
            JSONText.append(field.value, to: &text)
        }
        text += "},\"kind\":".utf8
        JSONText.append(kind.rawValue, to: &text)
        text += ",\"secret\":\"".utf8
    }

    /// How many escapes the secret needs, if it may be stored at all.
    ///
    /// A control character in a secret could end an HTTP header line and begin another; none is let in, so none has to
    /// be looked for where secrets are used.
    static func check(_ secret: UnsafeRawBufferPointer) -> Result<Int, CryptoError> {
        guard UTF8Text.firstFault(in: secret) == nil else {
            return .failure(CryptoError(.payloadInvalid, "the secret is not UTF-8"))
        }
        guard !UTF8Text.hasControlCharacter(secret) else {
            return .failure(CryptoError(.payloadInvalid, "the secret has a control character, none is allowed"))
        }
        return .success(secret.count(where: isEscaped))
    }

    private static func isEscaped(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
    }
}
