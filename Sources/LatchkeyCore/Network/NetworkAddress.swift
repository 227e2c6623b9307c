/// An IP address as its bytes in network order: 4 of them, or 16. Compared as bytes, never as text: one address has many
/// spellings.
package struct NetworkAddress: Sendable, Hashable {
    package let bytes: [UInt8]

    /// - Returns: nil unless there are 4 or 16. An IPv4 address inside an IPv6 one (`::ffff:a.b.c.d`, RFC 4291, section
    ///   2.5.5.2) is taken for the IPv4 address it is.
    package init?(bytes: some Collection<UInt8>) {
        let bytes = Array(bytes)
        switch bytes.count {
        case 4: self.bytes = bytes
        case 16 where bytes[..<10].allSatisfy({ $0 == 0 }) && bytes[10] == 0xFF && bytes[11] == 0xFF:
            self.bytes = Array(bytes[12...])
        case 16: self.bytes = bytes
        default: return nil
        }
    }
}

/// The addresses that begin with the same bits: `10.0.0.0/8`.
package struct Network: Sendable, Hashable {
    package let address: NetworkAddress
    package let prefix: Int

    /// - Returns: nil for a prefix that the address is too short for, or one with bits set behind it.
    package init?(_ address: NetworkAddress, prefix: Int) {
        guard (0...address.bytes.count * 8).contains(prefix) else { return nil }
        for bit in prefix..<(address.bytes.count * 8) where address.bytes[bit / 8] & (0x80 >> UInt8(bit % 8)) != 0 {
            return nil
        }
        self.address = address
        self.prefix = prefix
    }

    package func contains(_ other: NetworkAddress) -> Bool {
        guard other.bytes.count == address.bytes.count else { return false }
        let whole = prefix / 8
        guard other.bytes[..<whole] == address.bytes[..<whole] else { return false }
        let rest = prefix % 8
        guard rest > 0 else { return true }
        let mask = ~(UInt8(0xFF) >> UInt8(rest))
        return other.bytes[whole] & mask == address.bytes[whole] & mask
    }
}
