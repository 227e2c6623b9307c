package import NIOCore

/// Names into addresses.
package protocol HostResolver: Sendable {
    /// Every address of a host; the port is only for the form of the result.
    func resolve(_ host: String, port: Int) async throws -> [SocketAddress]
}

extension HostResolver {
    /// Each address once, in the order of the answer; none where the name leads nowhere, for whatever reason.
    package func networkAddresses(of host: String, port: Int) async -> [NetworkAddress] {
        let answer = (try? await resolve(host, port: port)) ?? []
        var seen: Set<NetworkAddress> = []
        return answer.compactMap(\.networkAddress).filter { seen.insert($0).inserted }
    }
}

extension SocketAddress {
    /// nil for what is no IP address. The offsets are those of RFC 3493, section 3, and of every system.
    package var networkAddress: NetworkAddress? {
        switch self {
        case .v4(let address): withUnsafeBytes(of: address.address) { NetworkAddress(bytes: $0[4..<8]) }
        case .v6(let address): withUnsafeBytes(of: address.address) { NetworkAddress(bytes: $0[8..<24]) }
        case .unixDomainSocket: nil
        }
    }

    package init(_ address: NetworkAddress, port: Int) throws {
        try self.init(packedIPAddress: ByteBuffer(bytes: address.bytes), port: port)
    }
}
