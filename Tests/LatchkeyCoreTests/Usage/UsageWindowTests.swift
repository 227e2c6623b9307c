import LatchkeyCore
import LatchkeyTesting
import Testing

struct UsageWindowTests {
    @Test(arguments: [
        (UsageLimit.Period.minute, "2024-02-29T23:59:59.999999Z", "2024-02-29T23:59:00Z", "2024-03-01T00:00:00Z"),
        (.day, "2024-02-29T23:59:59Z", "2024-02-29T00:00:00Z", "2024-03-01T00:00:00Z"),
        (.month, "2024-02-29T23:59:59Z", "2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z"),
        (.month, "2023-12-31T23:59:59Z", "2023-12-01T00:00:00Z", "2024-01-01T00:00:00Z"),
        (.month, "2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z", "2024-02-01T00:00:00Z"),
        (.day, "1969-12-31T12:00:00Z", "1969-12-31T00:00:00Z", "1970-01-01T00:00:00Z"),
    ])
    func `a window is UTC's`(period: UsageLimit.Period, at: String, start: String, end: String) throws {
        let window = UsageWindow(period, at: try #require(Timestamp(parsing: at)))
        #expect(window.start.rfc3339 == start && window.end.rfc3339 == end)
    }

    @Test(arguments: UsageLimit.Period.allCases)
    func `windows follow each other without a gap`(period: UsageLimit.Period) {
        var random = SeededRandom(seed: 4)
        for _ in 0..<2000 {
            let time = Timestamp(microseconds: random.number(in: 0...4_102_444_800_000_000))
            let window = UsageWindow(period, at: time)
            #expect(window.start <= time && time < window.end)
            #expect(UsageWindow(period, at: window.start) == window)
            #expect(UsageWindow(period, at: window.end).start == window.end)
            let last = Timestamp(microseconds: window.end.microseconds - 1)
            #expect(UsageWindow(period, at: last) == window)
        }
    }

    @Test(arguments: [Int64.min, Int64.max, 0])
    func `no time is too far away`(microseconds: Int64) {
        for period in UsageLimit.Period.allCases {
            let window = UsageWindow(period, at: Timestamp(microseconds: microseconds))
            #expect(window.start <= window.end)
        }
    }

    @Test(arguments: [1, 33, 50, 99, 100])
    func `a threshold's level is its part of the amount, rounded up`(percent: Int) throws {
        for amount in [Int64.max, 0, 1, 3, 99, 100, 101, 1_000_000] {
            let level = try UsageSample.budget(.tokens, per: .day, amount).level(of: percent)
            #expect(level >= 1 && level <= max(1, amount))
            let exact = Double(amount) * Double(percent) / 100
            #expect(abs(Double(level) - max(1, exact.rounded(.up))) <= exact * 1e-15)
        }
    }

    @Test func `a subject is kept as a text and read again`() throws {
        let key = try Sample.reference(.global, "openai", "a.b-C_1")
        for subject in [BudgetSubject.user, .key(key.provider, key.name), .token("abc")] {
            #expect(BudgetSubject(text: subject.text) == subject)
        }
        for text in ["", "user:", "key:openai", "key:Open:x", "key:openai:a b", "token", "token:a:b", "other"] {
            #expect(BudgetSubject(text: text) == nil)
        }
    }
}
