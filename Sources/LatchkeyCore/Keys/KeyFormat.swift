/// What may be stored as a key, and what is certainly something else. Provider patterns are no part of it: those are
/// hints (`Provider.warnings`).
package enum KeyFormat {
    package static let maximumBytes = 4096

    /// Bytes, not characters: `"\r\n"` is one Character, and a search for `"\n"` among Characters walks past it.
    /// - Throws: `invalid_key_format`, `masked_key`. The key is in neither text.
    package static func check(_ key: [UInt8]) throws(LatchkeyError) {
        guard !key.isEmpty else { throw LatchkeyError(.invalidKeyFormat, "the key is empty") }
        guard key.count <= maximumBytes else {
            throw LatchkeyError(.invalidKeyFormat, "the key has \(key.count) bytes, at most \(maximumBytes)")
        }
        if isMasked(key) {
            throw LatchkeyError(
                .maskedKey, "the value looks like a masked key as a page shows it",
                hint: "send the whole key, or leave it as it is by not sending it")
        }
        // What can stand in an HTTP field value (RFC 9110, section 5.5), without blanks: a key ends up in one.
        for byte in key where byte <= 0x20 || byte >= 0x7F {
            let what = byte == 0x20 ? "a blank" : byte >= 0x80 ? "a character outside ASCII" : "a control character"
            throw LatchkeyError(.invalidKeyFormat, "the key holds \(what)")
        }
    }

    /// `sk-…1234`, `sk-...1234`, `********`, `••••`: what front ends show for a stored key and send back by mistake.
    private static func isMasked(_ key: [UInt8]) -> Bool {
        let text = String(decoding: key, as: UTF8.self)
        if text.unicodeScalars.contains(where: { maskScalars.contains($0) }) { return true }
        var stars = 0
        var dots = 0
        for byte in key {
            stars = byte == UInt8(ascii: "*") ? stars + 1 : 0
            dots = byte == UInt8(ascii: ".") ? dots + 1 : 0
            if stars >= 3 || dots >= 3 { return true }
        }
        return key.count >= 4 && key.allSatisfy { $0 == key[0] }
    }

    /// Ellipsis, bullets and the like.
    private static let maskScalars: Set<Unicode.Scalar> = ["\u{2026}", "\u{2022}", "\u{25CF}", "\u{00B7}", "\u{2217}"]
}

/// Text shown beside a key.
package enum LabelFormat {
    /// - Throws: `invalid_label` when over 120 characters or holding control characters.
    package static func check(_ label: String) throws(LatchkeyError) {
        guard label.unicodeScalars.count <= 120, !label.unicodeScalars.contains(where: isControl) else {
            throw LatchkeyError(.invalidLabel, "a label has at most 120 characters and no control characters")
        }
    }
}
