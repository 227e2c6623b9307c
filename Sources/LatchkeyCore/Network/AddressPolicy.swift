/// Which addresses are places on the public Internet, told from their bytes.
///
/// The blocks are those of the IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890) that are not globally
/// reachable, and multicast (RFC 5771, RFC 4291 section 2.7). What an address stands for is decided by these alone:
/// a name that leads to one of them is refused, however it is spelled.
package enum AddressPolicy {
    package static func isPublic(_ address: NetworkAddress) -> Bool {
        address.bytes.count == 4 ? isPublicIPv4(address) : isPublicIPv6(address)
    }

    /// This machine: 127.0.0.0/8 and ::1.
    package static func isLoopback(_ address: NetworkAddress) -> Bool {
        loopback.contains { $0.contains(address) }
    }

    private static func isPublicIPv4(_ address: NetworkAddress) -> Bool {
        !notPublicIPv4.contains { $0.contains(address) }
    }

    /// Global unicast only (RFC 4291, section 2.4). So the unspecified and the loopback address, IPv4-compatible ones,
    /// discard-only 100::/64, unique local fc00::/7, link-local fe80::/10, site-local fec0::/10 and multicast are out
    /// without being listed, and so is whatever is assigned beside it later.
    private static func isPublicIPv6(_ address: NetworkAddress) -> Bool {
        if translated.contains(where: { $0.contains(address) }) {
            return NetworkAddress(bytes: address.bytes[12...]).map(isPublicIPv4) ?? false
        }
        return globalUnicast.contains { $0.contains(address) } && !notPublicIPv6.contains { $0.contains(address) }
    }

    /// https://www.iana.org/assignments/iana-ipv4-special-registry
    static let notPublicIPv4: [Network] = [
        block([0], 8),  // this network, RFC 791
        block([10], 8),  // private, RFC 1918
        block([100, 64], 10),  // shared between provider and customer, RFC 6598
        block([127], 8),  // loopback, RFC 1122
        block([169, 254], 16),  // link-local, RFC 3927; a cloud's metadata service
        block([172, 16], 12),  // private, RFC 1918
        block([192, 0, 0], 24),  // IETF protocol assignments, RFC 6890
        block([192, 0, 2], 24),  // documentation, RFC 5737
        block([192, 88, 99], 24),  // 6to4 relays, withdrawn by RFC 7526
        block([192, 168], 16),  // private, RFC 1918
        block([198, 18], 15),  // benchmarking, RFC 2544
        block([198, 51, 100], 24),  // documentation, RFC 5737
        block([203, 0, 113], 24),  // documentation, RFC 5737
        block([224], 4),  // multicast, RFC 5771
        block([240], 4),  // reserved, RFC 1112, and the broadcast address
        // Azure's host agent: a public address by its number, and inside an Azure machine a metadata service.
        block([168, 63, 129, 16], 32),
    ].compactMap(\.self)

    private static let globalUnicast = [block6([0x20], 3)].compactMap(\.self)

    /// https://www.iana.org/assignments/iana-ipv6-special-registry, as far as it lies in 2000::/3. Addresses that carry
    /// an IPv4 address for a tunnel are refused whatever they carry: nobody serves an API there.
    static let notPublicIPv6: [Network] = [
        block6([0x20, 0x01, 0x00], 23),  // IETF protocol assignments, RFC 2928: Teredo, ORCHID, benchmarking
        block6([0x20, 0x01, 0x0D, 0xB8], 32),  // documentation, RFC 3849
        block6([0x20, 0x02], 16),  // 6to4, RFC 3056
        block6([0x3F, 0xFF, 0x00], 20),  // documentation, RFC 9637
    ].compactMap(\.self)

    /// IPv4 behind a translator, RFC 6052: where there is nothing but IPv6, every IPv4 host has such an address, so the
    /// one inside is judged. 64:ff9b:1::/48, translation for local use (RFC 8215), is no global unicast.
    private static let translated = [block6([0x00, 0x64, 0xFF, 0x9B], 96)].compactMap(\.self)

    private static let loopback = [
        block([127], 8), block6([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], 128),
    ].compactMap(\.self)

    private static func block(_ bytes: [UInt8], _ prefix: Int) -> Network? { block(bytes, prefix, width: 4) }
    private static func block6(_ bytes: [UInt8], _ prefix: Int) -> Network? { block(bytes, prefix, width: 16) }

    private static func block(_ bytes: [UInt8], _ prefix: Int, width: Int) -> Network? {
        NetworkAddress(bytes: bytes + Array(repeating: 0, count: width - bytes.count))
            .flatMap { Network($0, prefix: prefix) }
    }
}
