package import NIOCore
import NIOPosix

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The system's resolver. `getaddrinfo` blocks, so it runs on NIO's shared pool of threads.
package struct SystemHostResolver: HostResolver {
    package init() {}

    package func resolve(_ host: String, port: Int) async throws -> [SocketAddress] {
        try await NIOThreadPool.singleton.runIfActive { try Self.lookUp(host, port: port) }
    }

    private static func lookUp(_ host: String, port: Int) throws -> [SocketAddress] {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        #if canImport(Glibc)
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        #else
        hints.ai_socktype = SOCK_STREAM
        #endif
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, nil, &hints, &list) == 0 else { throw HostNotFound() }
        defer { freeaddrinfo(list) }
        var addresses: [SocketAddress] = []
        var entry = list
        while let current = entry {
            if let bytes = bytes(current.pointee) {
                addresses.append(try SocketAddress(packedIPAddress: ByteBuffer(bytes: bytes), port: port))
            }
            entry = current.pointee.ai_next
        }
        return addresses
    }

    /// The offsets are those of RFC 3493, section 3.
    private static func bytes(_ info: addrinfo) -> [UInt8]? {
        guard let address = info.ai_addr else { return nil }
        let range: Range<Int>
        switch info.ai_family {
        case AF_INET: range = 4..<8
        case AF_INET6: range = 8..<24
        default: return nil
        }
        guard Int(info.ai_addrlen) >= range.upperBound else { return nil }
        return Array(UnsafeRawBufferPointer(start: address, count: range.upperBound)[range])
    }
}

/// What the system said more exactly is nobody's to know.
struct HostNotFound: Error {}
