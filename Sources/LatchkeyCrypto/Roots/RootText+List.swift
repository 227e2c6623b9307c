extension RootText {
    /// Reads one or more roots, separated by commas; the first is the primary.
    ///
    /// ASCII white space at the very beginning and end is stepped over, because a file ends with a newline.
    ///
    /// - Throws: as ``parse(_:)``, and ``CryptoError`` with code `root_duplicate` if two roots have one kid or one key.
    public static func parseList(_ text: UnsafeRawBufferPointer) throws(CryptoError) -> [SoftwareRootKey] {
        let items = trimmed(text).split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
        var roots: [SoftwareRootKey] = []
        for (index, item) in items.enumerated() {
            let root = try parseItem(UnsafeRawBufferPointer(rebasing: item), number: index + 1, of: items.count)
            for earlier in roots {
                guard earlier.kid != root.kid else {
                    throw CryptoError(.rootDuplicate, "root \(root.kid) is given twice, each kid is expected once")
                }
                guard !earlier.hasSameKey(as: root) else {
                    throw CryptoError(
                        .rootDuplicate, "roots \(earlier.kid) and \(root.kid) have one key, each needs its own")
                }
            }
            roots.append(root)
        }
        return roots
    }

    /// Says which of several roots is meant, since a malformed one may not show a kid.
    private static func parseItem(
        _ item: UnsafeRawBufferPointer, number: Int, of count: Int
    ) throws(CryptoError) -> SoftwareRootKey {
        do throws(CryptoError) {
            return try parse(item)
        } catch {
            guard count > 1 else { throw error }
            throw CryptoError(error.code, "root text \(number) of \(count): \(error.reason)")
        }
    }

    private static func trimmed(_ text: UnsafeRawBufferPointer) -> Slice<UnsafeRawBufferPointer> {
        var rest = text[...]
        while let first = rest.first, isSpace(first) { rest = rest.dropFirst() }
        while let last = rest.last, isSpace(last) { rest = rest.dropLast() }
        return rest
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || (byte >= 0x09 && byte <= 0x0d)
    }
}
