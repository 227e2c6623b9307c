/// What a model's tokens cost: micro-dollars for a million of them, which is pico-dollars for one.
package struct ModelPrice: Sendable, Hashable {
    package var input: Int64
    package var output: Int64
    /// Input that the provider read from its cache; nil: it costs what other input costs.
    package var cachedInput: Int64?

    /// A million dollars for a million tokens: what no price may exceed, so that no sum below can overflow.
    package static let highest: Int64 = 1_000_000_000_000

    package init(input: Int64, output: Int64, cachedInput: Int64? = nil) {
        self.input = input
        self.output = output
        self.cachedInput = cachedInput
    }

    /// Micro-dollars, rounded once, half up; a count that is not known counts nothing.
    package func cost(of tokens: TokenCounts) -> Int64 {
        let input = max(0, tokens.input ?? tokens.cachedInput ?? 0)
        let cached = min(input, max(0, tokens.cachedInput ?? 0))
        let output = max(0, tokens.output ?? 0)
        // A count has at most 63 bits and a price 40: three such products stay within 127.
        let pico =
            Int128(input - cached) * Int128(self.input) + Int128(cached) * Int128(cachedInput ?? self.input)
            + Int128(output) * Int128(self.output)
        return Int64(clamping: (pico + 500_000) / 1_000_000)
    }
}

/// An amount of dollars as decimal text, exactly: no binary fraction is ever near it.
package enum DollarText {
    /// Micro-dollars; nil for what is no plain decimal number, has more than six decimals, or does not fit.
    package static func micros(_ text: some StringProtocol) -> Int64? {
        let bytes = Array(text.utf8)
        let halves = bytes.split(separator: UInt8(ascii: "."), maxSplits: 1, omittingEmptySubsequences: false)
        guard let whole = halves.first, (1...12).contains(whole.count), let dollars = digits(whole) else { return nil }
        guard halves.count == 2 else { return dollars * 1_000_000 }
        let decimals = halves[1]
        guard (1...6).contains(decimals.count), let fraction = digits(decimals) else { return nil }
        return dollars * 1_000_000 + (decimals.count..<6).reduce(fraction) { value, _ in value * 10 }
    }

    /// `12.5`, `0.000001`, `3`: no more decimals than are needed.
    package static func text(micros: Int64) -> String {
        let magnitude = micros.magnitude
        let sign = micros < 0 ? "-" : ""
        let (dollars, fraction) = magnitude.quotientAndRemainder(dividingBy: 1_000_000)
        guard fraction > 0 else { return "\(sign)\(dollars)" }
        var decimals = Array("\(1_000_000 + fraction)".utf8.dropFirst())
        while decimals.last == UInt8(ascii: "0") { decimals.removeLast() }
        return "\(sign)\(dollars).\(String(decoding: decimals, as: UTF8.self))"
    }

    /// At most 12 digits are given here: they fit, times a million too.
    private static func digits(_ bytes: ArraySlice<UInt8>) -> Int64? {
        var value: Int64 = 0
        for byte in bytes {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            value = value * 10 + Int64(byte - UInt8(ascii: "0"))
        }
        return value
    }
}
