/// SplitMix64: the same sequence for the same seed, so that a failing property can be run again.
package struct SeededRandom: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    package mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var word = state
        word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
        return word ^ (word >> 31)
    }

    package mutating func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8.random(in: 0...255, using: &self) }
    }

    package mutating func number(in range: ClosedRange<Int64>) -> Int64 { Int64.random(in: range, using: &self) }

    package mutating func chance(_ fraction: Double) -> Bool { Double.random(in: 0..<1, using: &self) < fraction }

    /// One of `list`, which is not empty.
    package mutating func pick<Element>(_ list: [Element]) -> Element {
        list[Int.random(in: 0..<list.count, using: &self)]
    }

    /// A moment in the years 1 to 9999, to the microsecond.
    package mutating func microseconds() -> Int64 {
        number(in: -62_135_596_800_000_000...253_402_300_799_999_999)
    }
}
