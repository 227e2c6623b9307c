import LatchkeyCrypto
import NIOCore

/// A key prepared for finding it (Knuth, Morris, Pratt: each byte is looked at once, whatever the text and the key are).
/// Where nothing has matched yet, the first bytes are looked for many at a time.
final class KeyPattern {
    private let key: Secret
    /// For each beginning of the key, the length of the longest shorter beginning that it also ends with.
    private let fallbacks: [Int32]
    private let first: UInt64
    private let second: UInt64
    private let third: UInt64

    /// A key with fewer is looked for nowhere.
    static let fewestBytes = 8

    init(_ key: UnsafeRawBufferPointer) {
        self.key = Secret(copying: key)
        fallbacks = Self.fallbacks(of: key)
        let isLong = key.count >= Self.fewestBytes
        first = isLong ? ByteScan.ones &* UInt64(key[0]) : 0
        second = isLong ? ByteScan.ones &* UInt64(key[1]) : 0
        third = isLong ? ByteScan.ones &* UInt64(key[2]) : 0
    }

    var count: Int { key.count }

    /// Where the key may begin: the first place at or after `start` where its first three bytes stand, or as many of them
    /// as there is room for; or the end.
    func candidate(in bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        let end = bytes.count
        guard count >= Self.fewestBytes, let base = bytes.baseAddress else { return end }
        typealias Wide = ByteScan.Wide
        var offset = start
        while offset &+ 34 <= end {
            let hits = ByteScan.zero(
                (base.loadUnaligned(fromByteOffset: offset, as: Wide.self) ^ Wide(repeating: first))
                    | (base.loadUnaligned(fromByteOffset: offset &+ 1, as: Wide.self) ^ Wide(repeating: second))
                    | (base.loadUnaligned(fromByteOffset: offset &+ 2, as: Wide.self) ^ Wide(repeating: third)))
            if (hits[0] | hits[1] | hits[2] | hits[3]) != 0 { return offset &+ ByteScan.firstHit(hits) }
            offset &+= 32
        }
        while offset &+ 10 <= end {
            let hits = ByteScan.zero(
                (base.loadUnaligned(fromByteOffset: offset, as: UInt64.self) ^ first)
                    | (base.loadUnaligned(fromByteOffset: offset &+ 1, as: UInt64.self) ^ second)
                    | (base.loadUnaligned(fromByteOffset: offset &+ 2, as: UInt64.self) ^ third))
            if hits != 0 { return offset &+ hits.littleEndian.trailingZeroBitCount >> 3 }
            offset &+= 8
        }
        while offset < end, !begins(bytes, at: offset) { offset &+= 1 }
        return offset
    }

    @inline(__always)
    private func begins(_ bytes: UnsafeRawBufferPointer, at offset: Int) -> Bool {
        bytes[offset] == UInt8(truncatingIfNeeded: first)
            && (offset &+ 1 >= bytes.count || bytes[offset &+ 1] == UInt8(truncatingIfNeeded: second))
            && (offset &+ 2 >= bytes.count || bytes[offset &+ 2] == UInt8(truncatingIfNeeded: third))
    }

    /// Goes on from `offset`, where the text before it ends with the first `matched` bytes of the key.
    ///
    /// - Returns: whether the key was found; it ends at `offset` then. Otherwise `offset` is the end of the text.
    func next(in bytes: UnsafeRawBufferPointer, offset: inout Int, matched: inout Int) -> Bool {
        guard count >= Self.fewestBytes else {
            offset = bytes.count
            return false
        }
        return key.withUnsafeBytes { key in
            fallbacks.withUnsafeBufferPointer { fallbacks in
                if matched == key.count { matched = Int(fallbacks[matched]) }
                while true {
                    if matched == 0 { offset = candidate(in: bytes, from: offset) }
                    guard offset < bytes.count else { return false }
                    while matched > 0, bytes[offset] != key[matched] { matched = Int(fallbacks[matched]) }
                    if bytes[offset] == key[matched] { matched &+= 1 }
                    offset &+= 1
                    if matched == key.count { return true }
                }
            }
        }
    }

    /// Writes a part of the key: bytes of the answer that were held.
    func write(from start: Int, count: Int, to buffer: inout ByteBuffer) {
        key.withUnsafeBytes { key in
            guard start >= 0, count >= 0, start + count <= key.count else { return }
            buffer.writeBytes(UnsafeRawBufferPointer(rebasing: key[start..<start + count]))
        }
    }

    private static func fallbacks(of key: UnsafeRawBufferPointer) -> [Int32] {
        var table = [Int32](repeating: 0, count: key.count + 1)
        var length = 0
        for index in key.indices.dropFirst() {
            while length > 0, key[index] != key[length] { length = Int(table[length]) }
            if key[index] == key[length] { length += 1 }
            table[index + 1] = Int32(truncatingIfNeeded: length)
        }
        return table
    }
}
