import Fernet

/// Names what a text that is not a root looks like, so that the refusal says what to do about it.
enum UnacceptedRoot {
    static func error(for text: UnsafeRawBufferPointer) -> CryptoError {
        guard !text.isEmpty else {
            return RootText.malformed("the root is empty, \(RootText.grammar) is expected; \(RootStrength.advice)")
        }
        guard let key = bareKey(text) else {
            return RootText.malformed(
                "the root \(look(of: text)), \(RootText.grammar) is expected; \(RootStrength.advice)")
        }
        // A key pasted from a specification is told so, whatever form it is in.
        if PublishedKeys.contains(key.secret) {
            return CryptoError(
                .rootPublished,
                "the root is a key printed in a specification or a test vector, a secret one is expected; "
                    + RootStrength.advice)
        }
        return RootText.malformed(
            "the root is bare \(isHex(text) ? "hexadecimal" : "base64") without kid and check, \(RootText.grammar) is "
                + "expected; \(RootStrength.advice)")
    }

    private static func look(of text: UnsafeRawBufferPointer) -> String {
        if isSpace(text[0]) || isSpace(text[text.count - 1]) { return "begins or ends with white space" }
        if text.starts(with: "\(RootText.prefix)".utf8) { return "lacks a colon after \(RootText.prefix)" }
        if text.starts(with: "lkroot".utf8) { return "is of a form that is not known" }
        if isHex(text) { return "is bare hexadecimal of \(text.count) digits" }
        return "looks like a passphrase"
    }

    /// The 32 bytes, if the text is nothing but them in hexadecimal or in base64 of either alphabet.
    private static func bareKey(_ text: UnsafeRawBufferPointer) -> SharedSecret? {
        if text.count == 64, isHex(text) {
            return SharedSecret(
                Secret(count: 32) { output in
                    for index in output.indices {
                        output[index] = (Hex.value(text[2 * index]) ?? 0) << 4 | (Hex.value(text[2 * index + 1]) ?? 0)
                    }
                })
        }
        guard text.count == 43 || text.count == 44 else { return nil }
        let urlSafe = Secret(count: text.count) { output in
            for (index, byte) in text.enumerated() {
                switch byte {
                case UInt8(ascii: "+"): output[index] = UInt8(ascii: "-")
                case UInt8(ascii: "/"): output[index] = UInt8(ascii: "_")
                default: output[index] = byte
                }
            }
        }
        var canonical = false
        let key = Secret(count: 32) { output in
            canonical = urlSafe.withUnsafeBytes { Base64URL.decode($0, padded: text.count == 44, into: output) }
        }
        return canonical ? SharedSecret(key) : nil
    }

    private static func isHex(_ text: UnsafeRawBufferPointer) -> Bool {
        text.allSatisfy { Hex.value($0) != nil }
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || (byte >= 0x09 && byte <= 0x0d)
    }
}
