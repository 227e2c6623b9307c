import Foundation
import LatchkeyCrypto
import Testing

struct SecretTests {
    /// The address sanitizer stops a program that reads freed memory, which is what two of these tests are about.
    private static let mayReadFreedMemory = dlsym(dlopen(nil, RTLD_NOW), "__asan_init") == nil

    @Test func `a secret holds the bytes it was given, in memory of its own`() {
        var original: [UInt8] = [1, 2, 3, 4]
        let secret = Secret(copying: original)
        let copy = secret.copy()
        original[0] = 9
        #expect(secret.bytes == [1, 2, 3, 4])
        #expect(copy.bytes == [1, 2, 3, 4])
        let (first, second) = (secret.withUnsafeBytes { $0.baseAddress }, copy.withUnsafeBytes { $0.baseAddress })
        #expect(first != second)
    }

    /// The memory is watched through a pointer kept past its lending, while the allocator has not yet reused it. What a
    /// freed block keeps of its own in the first 16 bytes is left out; the rest must be zero.
    @Test(.enabled(if: mayReadFreedMemory, "skipped: under the address sanitizer"))
    func `the bytes are gone when the secret is`() {
        let pattern = [UInt8](repeating: 0xc5, count: 4096)
        var address: UnsafeRawPointer?
        do {
            let secret = Secret(copying: pattern)
            secret.withUnsafeBytes { address = $0.baseAddress }
            #expect(secret.bytes == pattern)
        }
        let left = UnsafeRawBufferPointer(start: address, count: pattern.count).dropFirst(64)
        // Not "none at all": the memory may be somebody else's by now, with any bytes in it.
        #expect(left.count { $0 == 0xc5 } < left.count / 2)
    }

    @Test(.enabled(if: mayReadFreedMemory, "skipped: under the address sanitizer"))
    func `what a failed initialisation wrote is gone`() {
        struct Stop: Error {}
        var address: UnsafeRawPointer?
        #expect(throws: Stop.self) {
            _ = try Secret(count: 4096) { bytes in
                for index in bytes.indices { bytes[index] = 0xc5 }
                address = UnsafeRawPointer(bytes.baseAddress)
                throw Stop()
            }
        }
        let left = UnsafeRawBufferPointer(start: address, count: 4096).dropFirst(64)
        // Not "none at all": the memory may be somebody else's by now, with any bytes in it.
        #expect(left.count { $0 == 0xc5 } < left.count / 2)
    }

    @Test func `bytes that nobody wrote are zero`() {
        #expect(Secret(count: 100) { _ in }.bytes == [UInt8](repeating: 0, count: 100))
    }

    @Test(arguments: [-1, 0])
    func `an empty secret is a secret`(count: Int) {
        let secret = Secret(count: count) { #expect($0.isEmpty) }
        #expect(secret.count == 0)
        let equal = secret.constantTimeEquals(Secret(copying: []))
        #expect(equal)
    }

    @Test func `random secrets have their length and differ`() {
        for count in [0, 1, 7, 8, 9, 31, 32, 33] { #expect(Secret.random(count: count).count == count) }
        let values = Set((0..<200).map { _ in Secret.random(count: 16).bytes })
        #expect(values.count == 200)
        // Each position takes many values: no tail is left unfilled.
        let samples = (0..<200).map { _ in Secret.random(count: 13).bytes }
        for position in 0..<13 { #expect(Set(samples.map { $0[position] }).count > 80) }
    }

    @Test func `secrets are equal if their length and every byte are`() {
        let secret = Secret(copying: [UInt8](0..<32))
        // The values are taken outside the macro, which cannot hold one that is not copyable.
        let (same, shorter) = (
            secret.constantTimeEquals(secret.copy()), secret.constantTimeEquals(Secret(copying: [UInt8](0..<31)))
        )
        #expect(same)
        #expect(!shorter)
        for bit in 0..<256 {
            var other = [UInt8](0..<32)
            other[bit / 8] ^= 1 << (bit % 8)
            let equal = secret.constantTimeEquals(Secret(copying: other))
            #expect(!equal)
        }
    }
}
