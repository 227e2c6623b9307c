#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

extension NetworkAddress {
    /// The longest text of an address: `INET6_ADDRSTRLEN` without its NUL.
    private static let longestText = 45

    /// An address as text: four plain decimals, or RFC 4291, section 2.2. No brackets, no zone, no port, no prefix, no
    /// zeros in front, no blanks; `::ffff:a.b.c.d` is the IPv4 address in it.
    ///
    /// - Returns: nil for anything else.
    package init?(parsing text: some Collection<UInt8>) {
        let text = Array(text)
        // A NUL would end the text for the C function and not for anybody else.
        guard (2...Self.longestText).contains(text.count), text.allSatisfy(Self.isOfAnAddress) else { return nil }
        let isIPv6 = text.contains(UInt8(ascii: ":"))
        guard isIPv6 || Self.isFourPlainDecimals(text) else { return nil }
        var bytes = [UInt8](repeating: 0, count: isIPv6 ? 16 : 4)
        let result = (text + [0]).withUnsafeBytes { text in
            bytes.withUnsafeMutableBytes { bytes in
                guard let text = text.baseAddress?.assumingMemoryBound(to: CChar.self) else { return Int32(0) }
                return inet_pton(isIPv6 ? AF_INET6 : AF_INET, text, bytes.baseAddress)
            }
        }
        guard result == 1 else { return nil }
        self.init(bytes: bytes)
    }

    private static func isOfAnAddress(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
            UInt8(ascii: "A")...UInt8(ascii: "F"), UInt8(ascii: "."), UInt8(ascii: ":"):
            true
        default: false
        }
    }

    /// Asked here because C libraries differ: some read `010` as eight.
    private static func isFourPlainDecimals(_ text: [UInt8]) -> Bool {
        let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        return parts.count == 4
            && parts.allSatisfy { part in
                (1...3).contains(part.count) && (part.count == 1 || part.first != UInt8(ascii: "0"))
                    && part.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            }
    }

    /// The one spelling in which an address is stored and shown (RFC 5952 for IPv6, as the C library writes it).
    package var text: String {
        var text = [CChar](repeating: 0, count: Self.longestText + 1)
        let count = text.count
        let isWritten = bytes.withUnsafeBytes { bytes in
            text.withUnsafeMutableBufferPointer { text in
                inet_ntop(
                    bytes.count == 4 ? AF_INET : AF_INET6, bytes.baseAddress, text.baseAddress, socklen_t(count)) != nil
            }
        }
        guard isWritten else { return "" }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

extension Network {
    /// `10.0.0.0/8`, `2001:db8::/32`, or one address. A prefix of plain decimals, no bit set behind it.
    ///
    /// - Returns: nil for anything else, also for a network of IPv4 addresses inside IPv6 ones: a prefix of 8 would mean
    ///   two things.
    package init?(parsing text: some Collection<UInt8>) {
        let parts = Array(text).split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let address = NetworkAddress(parsing: parts[0]) else { return nil }
        let isIPv4 = address.bytes.count == 4
        guard isIPv4 != parts[0].contains(UInt8(ascii: ":")) else { return nil }
        guard parts.count == 2 else {
            self.init(address, prefix: address.bytes.count * 8)
            return
        }
        guard let prefix = Self.prefix(parts[1]) else { return nil }
        self.init(address, prefix: prefix)
    }

    private static func prefix(_ digits: ArraySlice<UInt8>) -> Int? {
        guard (1...3).contains(digits.count), digits.count == 1 || digits.first != UInt8(ascii: "0") else { return nil }
        var value = 0
        for digit in digits {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
            value = value * 10 + Int(digit - UInt8(ascii: "0"))
        }
        return value
    }

    /// The one spelling in which a network is stored and shown: always with its prefix.
    package var text: String { "\(address.text)/\(prefix)" }
}
