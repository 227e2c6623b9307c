/// Finding a byte in memory, 32 at a time: the one thing that is done to every byte that goes by.
///
/// A word is searched by arithmetic: of `(x − 0x01…01) & ~x & 0x80…80` the lowest bit that is set lies in the first byte of
/// `x` that is zero. Bits above that one may be set for no reason, so only the lowest is believed.
enum ByteScan {
    typealias Wide = SIMD4<UInt64>

    static let ones: UInt64 = 0x0101_0101_0101_0101
    static let tops: UInt64 = 0x8080_8080_8080_8080

    /// Where the next `"` or `\` lies in `start..<end`, or `end`.
    @inline(__always)
    static func quoteOrBackslash(_ base: UnsafeRawPointer, _ start: Int, _ end: Int) -> Int {
        first(base, start, end, wide: { zero($0 ^ all(0x22)) | zero($0 ^ all(0x5c)) }) {
            zero($0 ^ (ones &* 0x22)) | zero($0 ^ (ones &* 0x5c))
        }
    }

    /// Where the next `"`, `{`, `}`, `[` or `]` lies in `start..<end`, or `end`.
    @inline(__always)
    static func structure(_ base: UnsafeRawPointer, _ start: Int, _ end: Int) -> Int {
        // With the bit 0x20 a square bracket becomes the curly one.
        first(
            base, start, end,
            wide: { zero($0 ^ all(0x22)) | zero(($0 | all(0x20)) ^ all(0x7b)) | zero(($0 | all(0x20)) ^ all(0x7d)) }
        ) {
            let curly = $0 | (ones &* 0x20)
            return zero($0 ^ (ones &* 0x22)) | zero(curly ^ (ones &* 0x7b)) | zero(curly ^ (ones &* 0x7d))
        }
    }

    /// Where the next line feed or carriage return lies in `start..<end`, or `end`.
    @inline(__always)
    static func lineEnd(_ base: UnsafeRawPointer, _ start: Int, _ end: Int) -> Int {
        first(base, start, end, wide: { zero($0 ^ all(0x0a)) | zero($0 ^ all(0x0d)) }) {
            zero($0 ^ (ones &* 0x0a)) | zero($0 ^ (ones &* 0x0d))
        }
    }

    /// Where a string of JSON cannot be stepped over blindly: the next `"`, `\`, control character or byte that is not
    /// ASCII in `start..<end`, or `end`.
    @inline(__always)
    static func stringStop(_ base: UnsafeRawPointer, _ start: Int, _ end: Int) -> Int {
        // What is below 0x20 is zero without its low five bits.
        first(
            base, start, end,
            wide: { zero($0 ^ all(0x22)) | zero($0 ^ all(0x5c)) | zero($0 & all(0xe0)) | ($0 & all(0x80)) }
        ) {
            zero($0 ^ (ones &* 0x22)) | zero($0 ^ (ones &* 0x5c)) | zero($0 & (ones &* 0xe0)) | ($0 & tops)
        }
    }

    /// - Parameters:
    ///   - wide: sets a bit in each word that holds what is looked for.
    ///   - narrow: the same for one word; its lowest bit that is set is the top bit of the first such byte.
    @inline(__always)
    static func first(
        _ base: UnsafeRawPointer, _ start: Int, _ end: Int, wide: (Wide) -> Wide, narrow: (UInt64) -> UInt64
    ) -> Int {
        var offset = start
        // Most strings are short: a word of its own first, then four at a time.
        while offset &+ 8 <= end {
            let hits = narrow(base.loadUnaligned(fromByteOffset: offset, as: UInt64.self).littleEndian)
            if hits != 0 { return offset &+ hits.trailingZeroBitCount >> 3 }
            offset &+= 8
            while offset &+ 32 <= end {
                let hits = wide(base.loadUnaligned(fromByteOffset: offset, as: Wide.self))
                guard (hits[0] | hits[1] | hits[2] | hits[3]) == 0 else {
                    return offset &+ firstHit(hits)
                }
                offset &+= 32
            }
        }
        while offset < end {
            let byte = base.load(fromByteOffset: offset, as: UInt8.self)
            // The other bytes of the word are filled with what nobody looks for: a letter.
            if narrow(UInt64(byte) | 0x6161_6161_6161_6100) & 0x80 != 0 { return offset }
            offset &+= 1
        }
        return end
    }

    @inline(__always)
    static func firstHit(_ hits: Wide) -> Int {
        for lane in 0..<3 where hits[lane] != 0 {
            return lane &* 8 &+ hits[lane].littleEndian.trailingZeroBitCount >> 3
        }
        return 24 &+ hits[3].littleEndian.trailingZeroBitCount >> 3
    }

    @inline(__always)
    static func zero(_ word: UInt64) -> UInt64 { (word &- ones) & ~word & tops }

    @inline(__always)
    static func zero(_ words: Wide) -> Wide { (words &- all(0x01)) & ~words & all(0x80) }

    // Computed, not stored: the compiler folds them, and a stored one would be asked each time whether it is there yet.
    @inline(__always) private static func all(_ byte: UInt64) -> Wide { Wide(repeating: ones &* byte) }
}
