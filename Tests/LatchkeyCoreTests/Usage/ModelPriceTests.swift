import Foundation
import LatchkeyCore
import Testing

@testable import LatchkeyCore

/// Money, compared with Foundation's decimal arithmetic.
struct ModelPriceTests {
    private func expected(_ price: ModelPrice, _ tokens: TokenCounts) -> Decimal {
        let input = max(0, tokens.input ?? tokens.cachedInput ?? 0)
        let cached = min(input, max(0, tokens.cachedInput ?? 0))
        var pico = Decimal(input - cached) * Decimal(price.input)
        pico += Decimal(cached) * Decimal(price.cachedInput ?? price.input)
        pico += Decimal(max(0, tokens.output ?? 0)) * Decimal(price.output)
        var micros = pico / 1_000_000 + Decimal(string: "0.5")!
        var rounded = Decimal()
        NSDecimalRound(&rounded, &micros, 0, .down)
        return rounded
    }

    @Test func `a cost is exact, and rounded once`() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<20_000 {
            let price = ModelPrice(
                input: .random(in: 0...100_000_000, using: &generator),
                output: .random(in: 0...100_000_000, using: &generator),
                cachedInput: Bool.random() ? .random(in: 0...100_000_000, using: &generator) : nil)
            let bound: Int64 = [3, 1000, 2_000_000, 1 << 40].randomElement(using: &generator) ?? 1
            let tokens = TokenCounts(
                input: Bool.random() ? .random(in: 0...bound, using: &generator) : nil,
                output: Bool.random() ? .random(in: 0...bound, using: &generator) : nil,
                cachedInput: Bool.random() ? .random(in: 0...bound, using: &generator) : nil)
            #expect(Decimal(price.cost(of: tokens)) == expected(price, tokens), "\(price) \(tokens)")
        }
    }

    @Test func `half a micro-dollar is rounded up`() {
        let price = ModelPrice(input: 500_000, output: 499_999)
        #expect(price.cost(of: TokenCounts(input: 1)) == 1)
        #expect(price.cost(of: TokenCounts(output: 1)) == 0)
        #expect(price.cost(of: TokenCounts(input: 3, output: 0)) == 2)
    }

    @Test func `counts beyond reason are clamped and trap nothing`() {
        let price = ModelPrice(input: ModelPrice.highest, output: ModelPrice.highest, cachedInput: ModelPrice.highest)
        for count in [Int64.max, Int64.max - 1, Int64.max / 2] {
            #expect(price.cost(of: TokenCounts(input: count, output: count, cachedInput: count)) == Int64.max)
        }
        for count in [Int64.min, -1] {
            #expect(price.cost(of: TokenCounts(input: count, output: count, cachedInput: count)) == 0)
        }
        #expect(price.cost(of: TokenCounts(input: 1, output: -5, cachedInput: 7)) == 1_000_000)
    }

    @Test func `dollars as text and micro-dollars are the same to the last digit`() {
        for micros in [0, 1, 10, 999_999, 1_000_000, 1_250_000, 37_500, 999_999_999_999_999_999] as [Int64] {
            #expect(DollarText.micros(DollarText.text(micros: micros)) == micros)
        }
        for _ in 0..<2000 {
            let micros = Int64.random(in: 0...999_999_999_999_999_999)
            #expect(DollarText.micros(DollarText.text(micros: micros)) == micros)
        }
        #expect(DollarText.text(micros: 1_250_000) == "1.25")
        #expect(DollarText.text(micros: 1) == "0.000001")
        #expect(DollarText.text(micros: -1_500_000) == "-1.5")
        #expect(DollarText.text(micros: .min) == "-9223372036854.775808")
    }

    @Test(arguments: [
        "", ".", "1.", ".5", "-1", "+1", "1e3", "1,5", " 1", "1 ", "0.0000001", "1.2.3", "NaN", "inf", "0x10", "١",
        "1000000000000", "9999999999999999999999", "1_000", "$1",
    ])
    func `text that is no plain decimal number is refused`(text: String) {
        #expect(DollarText.micros(text) == nil)
    }
}
