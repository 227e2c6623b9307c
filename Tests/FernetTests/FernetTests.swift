import Crypto
import CryptoExtras
import Fernet
import Foundation
import Testing

/// What holds for every key, plaintext and token.
struct FernetTests {
    private let key = [UInt8](0..<32)
    private let iv = [UInt8](100..<116)

    @Test func `what was sealed opens, whatever its length`() throws {
        var random = SeededGenerator(seed: 1)
        for length in Array(0...300) + [1000, 4095, 4096, 8192, 100_000] {
            let key = random.bytes(32)
            let plaintext = random.bytes(length)
            let token = try Fernet.seal(plaintext, key: key, time: random.next(), iv: random.bytes(16))
            #expect(try Fernet.open(token, key: key) == plaintext, "\(length) bytes")
        }
    }

    /// The mode is our own loop over the block function, so the library's whole cipher is the judge.
    @Test func `the ciphertext is the one that the library makes`() throws {
        var random = SeededGenerator(seed: 2)
        for length in 0...100 {
            let key = random.bytes(32)
            let plaintext = random.bytes(length)
            let iv = random.bytes(16)
            let token = try Fernet.seal(plaintext, key: key, time: 7, iv: iv)
            let raw = try #require(Base64URL.decode(token, padded: true))
            let expected = try AES._CBC.encrypt(
                plaintext, using: SymmetricKey(data: key[16...]), iv: AES._CBC.IV(ivBytes: iv))
            #expect([UInt8](raw[25..<(raw.count - 32)]) == [UInt8](expected), "\(length) bytes")
        }
    }

    @Test func `a token with any one byte changed does not open`() throws {
        let token = try Fernet.seal([UInt8]("a secret".utf8), key: key, time: 1_700_000_000, iv: iv)
        for index in token.indices {
            for byte in UInt8.min...UInt8.max where byte != token[index] {
                var changed = token
                changed[index] = byte
                #expect(throws: FernetError(), "byte \(index) became \(byte)") {
                    try Fernet.open(changed, key: key)
                }
            }
        }
    }

    @Test func `a token under a key with any one bit changed does not open`() throws {
        let token = try Fernet.seal([UInt8]("a secret".utf8), key: key, time: 1_700_000_000, iv: iv)
        // The first half signs. A change in the second half passes the MAC, so only the padding can tell; it is not a
        // promise, and derived keys never differ in one half.
        for bit in 0..<128 {
            var changed = key
            changed[bit / 8] ^= 1 << (bit % 8)
            #expect(throws: FernetError()) { try Fernet.open(token, key: changed) }
        }
    }

    @Test func `a token that is cut or lengthened does not open`() throws {
        let token = try Fernet.seal([UInt8]("a secret".utf8), key: key, time: 1_700_000_000, iv: iv)
        for count in 0..<token.count {
            #expect(throws: FernetError()) { try Fernet.open([UInt8](token.prefix(count)), key: key) }
        }
        for tail in ["A", "=", "AAAA", "====", "\n", " "] {
            #expect(throws: FernetError()) { try Fernet.open(token + [UInt8](tail.utf8), key: key) }
        }
    }

    @Test func `noise never opens and never traps`() {
        var random = SeededGenerator(seed: 3)
        for _ in 0..<2000 {
            let noise = random.bytes(Int.random(in: 0...200, using: &random))
            #expect(throws: FernetError()) { try Fernet.open(noise, key: key) }
            #expect(throws: FernetError()) { try Fernet.open(Base64URL.encode(noise, padded: true), key: key) }
        }
    }

    @Test func `only version 0x80 opens, also under a right MAC`() throws {
        let token = try Fernet.seal([1, 2, 3], key: key, time: 5, iv: iv)
        let signed = try #require(Base64URL.decode(token, padded: true)).dropLast(32)
        for version in UInt8.min...UInt8.max {
            let again = Fernet.authenticated([version] + signed.dropFirst(), key: key)
            if version == 0x80 {
                #expect(try Fernet.open(again, key: key) == [1, 2, 3])
            } else {
                #expect(throws: FernetError()) { try Fernet.open(again, key: key) }
            }
        }
    }

    @Test(arguments: [UInt64(0), 1, 59, 60, 61, 1 << 32, 1 << 63, .max - 60, .max - 1, .max])
    func `no combination of times traps, and none without a rule is refused`(time: UInt64) throws {
        let token = try Fernet.seal([9], key: key, time: time, iv: iv)
        #expect(try Fernet.open(token, key: key) == [9])
        for now in [UInt64(0), 60, 61, 1 << 63, .max - 61, .max] {
            for seconds in [UInt64(0), 1, 60, 1 << 63, .max] {
                // In 128 bits there is nothing to overflow.
                let (wideTime, wideNow) = (UInt128(time), UInt128(now))
                let current = wideTime + UInt128(seconds) >= wideNow && wideTime <= wideNow + 60
                let ttl = Fernet.TTL(seconds: seconds, now: now)
                let opened = try? Fernet.open(token, key: key, ttl: ttl)
                #expect((opened != nil) == current, "time \(time), now \(now), ttl \(seconds)")
            }
        }
    }

    @Test(arguments: [0, 16, 31, 33, 64])
    func `a key of another length is refused`(length: Int) throws {
        let token = try Fernet.seal([9], key: key, time: 1, iv: iv)
        let other = [UInt8](repeating: 0, count: length)
        #expect(throws: FernetError()) { try Fernet.seal([9], key: other, time: 1, iv: iv) }
        #expect(throws: FernetError()) { try Fernet.open(token, key: other) }
    }

    @Test(arguments: [0, 12, 15, 17, 32])
    func `an IV of another length is refused`(length: Int) {
        #expect(throws: FernetError()) {
            try Fernet.seal([9], key: key, time: 1, iv: [UInt8](repeating: 0, count: length))
        }
    }

    @Test func `an error of the reader comes through as it is`() throws {
        struct Reader: Error {}
        let token = try Fernet.seal([9], key: key, time: 1, iv: iv)
        #expect(throws: Reader.self) {
            try token.withUnsafeBytes { token in
                try key.withUnsafeBytes { try Fernet.open(token, key: $0) { _ in throw Reader() } }
            }
        }
    }
}
