package import LatchkeyCore
package import NIOCore

/// The addresses a destination may be dialled at. They are looked up once and dialled as they are: whoever asks again
/// between the check and the connection may get another answer.
package struct AddressResolver: Sendable {
    private let resolver: any HostResolver

    package init(resolver: any HostResolver) { self.resolver = resolver }

    /// - Throws: for a custom destination `destination_refused`, whether the name leads nowhere or to one address that is
    ///   not public: what a name leads to is not told. For the catalogue's `upstream_unreachable` when there is none.
    package func addresses(for destination: Destination) async throws -> [SocketAddress] {
        let found = await lookUp(destination)
        guard found.allSatisfy({ Self.mayBeDialled($0, for: destination) }), !(destination.isCustom && found.isEmpty)
        else { throw Destination.refused }
        let addresses = found.compactMap { try? SocketAddress($0, port: destination.port) }
        guard !addresses.isEmpty else {
            throw LatchkeyError(.upstreamUnreachable, "the provider's host name leads nowhere at the moment")
        }
        return addresses
    }

    private static func mayBeDialled(_ address: NetworkAddress, for destination: Destination) -> Bool {
        if destination.isCustom { return AddressPolicy.isPublic(address) }
        // Plain http is for this machine; a name that leads elsewhere would put the key on a wire.
        return destination.isTLS || AddressPolicy.isLoopback(address)
    }

    private func lookUp(_ destination: Destination) async -> [NetworkAddress] {
        if let literal = destination.literalAddress { return [literal] }
        return await resolver.networkAddresses(of: destination.host, port: destination.port)
    }
}
