import LatchkeyCore
import LatchkeyTesting
import Testing

/// Addresses and networks as text, and the caller's address behind proxies.
struct NetworkParsingTests {
    private func address(_ text: String) -> NetworkAddress? { NetworkAddress(parsing: text.utf8) }
    private func network(_ text: String) -> Network? { Network(parsing: text.utf8) }

    @Test(
        arguments: [
            ("1.2.3.4", [1, 2, 3, 4]), ("0.0.0.0", [0, 0, 0, 0]), ("255.255.255.255", [255, 255, 255, 255]),
            ("::1", [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
            ("2001:DB8::a", [0x20, 1, 0x0D, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10]),
            ("::ffff:10.0.0.1", [10, 0, 0, 1]), ("::ffff:a00:1", [10, 0, 0, 1]),
        ] as [(String, [UInt8])])
    func `an address is its bytes`(text: String, bytes: [UInt8]) {
        #expect(address(text)?.bytes == bytes)
    }

    @Test(arguments: [
        "", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.04", "01.2.3.4", "0x1.2.3.4", "1.2.3.4 ", " 1.2.3.4",
        "1.2.3.4:80", "1.2.3.4/32", "[::1]", "::1%lo", "fe80::1%eth0", ":::", "1::2::3", "12345::", "::1.2.3",
        "1.2.3.4\0", "::1\0", "١.٢.٣.٤", "localhost", "-1.2.3.4", "1.2.3.-4", "+1.2.3.4", "1..3.4", "::ffff:1.2.3.04",
        String(repeating: "1", count: 46), "unknown", "_hidden",
    ])
    func `what is no address is none`(text: String) {
        #expect(address(text) == nil)
    }

    @Test func `random addresses come back from their text, and random text never traps`() {
        var random = SeededRandom(seed: 21)
        for _ in 0..<2000 {
            let address = NetworkAddress(bytes: random.bytes(random.chance(0.5) ? 4 : 16))
            #expect(address.flatMap { NetworkAddress(parsing: $0.text.utf8) } == address)
            let noise = (0..<Int.random(in: 0...48, using: &random)).map { _ in
                random.pick(Array("0123456789abcdef.:/%\0 ".utf8))
            }
            if let network = Network(parsing: noise) { #expect(Network(parsing: network.text.utf8) == network) }
        }
    }

    @Test(arguments: [
        ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.1", false), ("10.0.0.1", "10.0.0.1", true),
        ("10.0.0.1", "10.0.0.2", false), ("0.0.0.0/0", "8.8.8.8", true), ("0.0.0.0/0", "::1", false),
        ("::/0", "2001:db8::1", true), ("::/0", "1.2.3.4", false), ("2001:db8::/33", "2001:db8:7fff::", true),
        ("2001:db8::/33", "2001:db8:8000::", false), ("192.168.0.128/25", "192.168.0.129", true),
        ("192.168.0.128/25", "192.168.0.127", false), ("10.0.0.0/8", "::ffff:10.1.1.1", true),
    ])
    func `a network holds what begins like it`(text: String, other: String, holds: Bool) throws {
        let network = try #require(Network(parsing: text.utf8))
        #expect(try network.contains(#require(NetworkAddress(parsing: other.utf8))) == holds)
    }

    @Test(arguments: [
        "10.0.0.0/33", "10.0.0.1/8", "::1/127", "::/129", "10.0.0.0/08", "10.0.0.0/", "10.0.0.0/8/8", "/8", "10/8",
        "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8 ", "10.0.0.0/ 8", "::ffff:10.0.0.0/104", "::ffff:10.0.0.0/8",
        "10.0.0.0/9999999999", "*", "all",
    ])
    func `what is no network is none`(text: String) {
        #expect(network(text) == nil)
    }

    @Test(
        arguments: [
            // Nobody's word is taken: the peer it is.
            (nil, ["1.2.3.4"], nil), ("9.9.9.9", ["1.2.3.4"], "9.9.9.9"), ("9.9.9.9", [], "9.9.9.9"),
            // The proxy's word is taken, and what stands left of it is not.
            ("10.0.0.1", ["1.2.3.4"], "1.2.3.4"), ("10.0.0.1", ["6.6.6.6, 1.2.3.4"], "1.2.3.4"),
            ("10.0.0.1", ["1.2.3.4, 10.0.0.2 ,10.0.0.3"], "1.2.3.4"), ("10.0.0.1", ["6.6.6.6", "1.2.3.4"], "1.2.3.4"),
            ("10.0.0.1", ["nonsense, 1.2.3.4"], "1.2.3.4"), ("::ffff:10.0.0.1", ["1.2.3.4"], "1.2.3.4"),
            ("fd00::1", ["2001:db8::1"], "2001:db8::1"), ("10.0.0.1", [], "10.0.0.1"),
            ("10.0.0.1", ["10.0.0.7, 10.0.0.3"], "10.0.0.7"),
            // What is no address leaves it unknown.
            ("10.0.0.1", ["1.2.3.4, nonsense"], nil), ("10.0.0.1", [""], nil), ("10.0.0.1", ["1.2.3.4,"], nil),
            ("10.0.0.1", ["unknown"], nil), ("10.0.0.1", ["1.2.3.4:5"], nil),
            ("10.0.0.1", ["1.2.3.4, 10.0.0.2, x"], nil),
        ] as [(String?, [String], String?)])
    func `behind proxies the caller is the right-most that is no proxy`(
        peer: String?, forwardedFor: [String], caller: String?
    ) {
        let trusted = ["10.0.0.0/8", "fd00::/8"].compactMap { network($0) }
        let found = CallerAddress.find(
            peer: peer.flatMap { address($0) }, forwardedFor: forwardedFor, trusted: trusted)
        #expect(found == caller.flatMap { address($0) })
        // Without trust the header means nothing.
        #expect(
            CallerAddress.find(peer: peer.flatMap { address($0) }, forwardedFor: forwardedFor, trusted: [])
                == peer.flatMap { address($0) })
    }
}
