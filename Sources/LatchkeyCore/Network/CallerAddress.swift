/// Where a request comes from, as far as that can be known.
package enum CallerAddress {
    /// The address of the TCP peer; behind a trusted proxy, the right-most address of `X-Forwarded-For` that is not
    /// itself a trusted proxy's. What stands further left was written by whoever called, and is not looked at.
    ///
    /// - Parameters:
    ///   - peer: nil where there is none, as on a local socket.
    ///   - forwardedFor: the values of every `X-Forwarded-For` field, in the order they came.
    ///   - trusted: the proxies whose word is taken (`LATCHKEY_TRUSTED_PROXIES`).
    /// - Returns: nil when it cannot be known: no peer, or a trusted proxy passed on something that is no address.
    package static func find(peer: NetworkAddress?, forwardedFor: [String], trusted: [Network]) -> NetworkAddress? {
        guard let peer, trusted.contains(where: { $0.contains(peer) }) else { return peer }
        var nearest = peer
        for value in forwardedFor.reversed() {
            for entry in value.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false).reversed() {
                guard let address = NetworkAddress(parsing: trimmed(entry)) else { return nil }
                guard trusted.contains(where: { $0.contains(address) }) else { return address }
                nearest = address
            }
        }
        // Proxies all the way: the call began at the furthest of them.
        return nearest
    }

    /// Without the optional white space around a list's elements (RFC 9110, section 5.6.1).
    private static func trimmed(_ entry: Substring.UTF8View) -> Substring.UTF8View {
        var entry = entry
        func isBlank(_ byte: UInt8?) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
        while isBlank(entry.first) { entry = entry.dropFirst() }
        while isBlank(entry.last) { entry = entry.dropLast() }
        return entry
    }
}
