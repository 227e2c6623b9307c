import LatchkeyCore
import LatchkeyTesting
import Testing

/// Times as text and back.
struct TimestampTests {
    @Test(arguments: [UInt64(1), 2, 3])
    func `random times come back, to the microsecond`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        for _ in 0..<2000 {
            let time = Timestamp(microseconds: random.microseconds())
            #expect(Timestamp(parsing: time.sql) == time)
            #expect(Timestamp(parsing: time.rfc3339) == Timestamp(unixSeconds: time.unixSeconds))
            #expect(time.sql.utf8.count == 26)
            #expect(time.rfc3339.utf8.count == 20)
        }
    }

    @Test func `text order is time order`() {
        var random = SeededRandom(seed: 4)
        let times = (0..<500).map { _ in Timestamp(microseconds: random.microseconds()) }
        #expect(times.sorted().map(\.sql) == times.map(\.sql).sorted())
    }

    @Test func `every day of four centuries follows the one before`() {
        var time = Timestamp(parsing: "1900-01-01T00:00:00Z")
        var previous = ""
        for _ in 0..<146_097 {
            let text = time?.rfc3339 ?? ""
            if text <= previous || Timestamp(parsing: text) != time { Issue.record("\(previous), then \(text)") }
            previous = text
            time = time?.advanced(bySeconds: 86_400)
        }
        #expect(time?.rfc3339 == "2300-01-01T00:00:00Z")
    }

    @Test(arguments: [
        ("1970-01-01T00:00:00Z", Int64(0)), ("1969-12-31 23:59:59.999999", -1), ("1970-01-01 00:00:00", 0),
        ("2000-02-29t12:00:00z", 951_825_600_000_000), ("2026-01-01T01:00:00+01:00", 1_767_225_600_000_000),
        ("2025-12-31T23:30:00-00:30", 1_767_225_600_000_000), ("1970-01-01T00:00:00.1", 100_000),
        ("1970-01-01T00:00:00.1234567899Z", 123_456), ("0001-01-01T00:00:00Z", -62_135_596_800_000_000),
        ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999),
    ])
    func `known times`(text: String, microseconds: Int64) {
        #expect(Timestamp(parsing: text)?.microseconds == microseconds)
    }

    @Test(arguments: [
        "", "2026", "2026-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2026-04-31T00:00:00Z", "2026-00-01T00:00:00Z",
        "2026-13-01T00:00:00Z", "2026-01-00T00:00:00Z", "2026-01-32T00:00:00Z", "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z", "2026-01-01T00:00:60Z", "0000-01-01T00:00:00Z", "2026-01-01", "2026-01-01T00:00Z",
        "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00ZZ", "2026-01-01T00:00:00 ", " 2026-01-01T00:00:00Z",
        "2026-01-01T00:00:00+1:00", "2026-01-01T00:00:00+0100", "2026-01-01T00:00:00+24:00",
        "2026-01-01T00:00:00+00:60", "2026-01-01T00:00:00+", "-026-01-01T00:00:00Z", "+2026-01-01T00:00:00Z",
        "2026-1-1T00:00:00Z", "２０２６-01-01T00:00:00Z", "2026-01-01_00:00:00Z", "10000-01-01T00:00:00Z",
        "2026-01-01T00:00:00Z\0", "2026-01-01T-1:00:00Z", "infinity", "now",
    ])
    func `what is no time is none`(text: String) {
        #expect(Timestamp(parsing: text) == nil)
    }

    @Test(arguments: [
        "0001-01-01T00:00:00+00:01", "0001-01-01T00:00:00.999999+23:59", "9999-12-31T23:59:59-00:01",
        "9999-12-31T23:59:59.999999-23:59",
    ])
    func `an offset does not lead out of the years 1 to 9999`(text: String) {
        #expect(Timestamp(parsing: text) == nil)
    }

    @Test func `random bytes are read or refused, never more`() {
        var random = SeededRandom(seed: 5)
        let alphabet = Array("0123456789-:.TZtz+ 9".utf8)
        for _ in 0..<20_000 {
            var bytes = Array("2026-01-01T00:00:00.000000+00:00".utf8).prefix(Int.random(in: 0...32, using: &random))
            for _ in 0..<3 where !bytes.isEmpty {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = random.pick(alphabet)
            }
            let text = String(decoding: bytes, as: UTF8.self)
            if let time = Timestamp(parsing: text) { #expect(Timestamp(parsing: time.sql) == time, "\(text)") }
        }
    }

    @Test(arguments: [Int64.min, .min + 1, -1, 0, 1, .max - 1, .max])
    func `extremes do not trap`(value: Int64) {
        let time = Timestamp(microseconds: value)
        #expect(time.sql.utf8.count == 26)
        #expect(time.rfc3339.utf8.count == 20)
        #expect(Timestamp(unixSeconds: value) == nil || abs(value) <= 1)
        for seconds in [Int64.min, -1, 0, 1, .max] {
            let moved = time.advanced(bySeconds: seconds)
            #expect(seconds == 0 ? moved == time : seconds < 0 ? moved <= time : moved >= time)
        }
    }

    @Test func `seconds are rounded down, before the epoch too`() {
        for (micros, seconds) in [(Int64(-1), Int64(-1)), (-1_000_000, -1), (-1_000_001, -2), (999_999, 0)] {
            #expect(Timestamp(microseconds: micros).unixSeconds == seconds)
        }
        #expect(Timestamp(unixSeconds: -62_135_596_800) != nil)
        #expect(Timestamp(unixSeconds: -62_135_596_801) == nil)
        #expect(Timestamp(unixSeconds: 253_402_300_799) != nil)
        #expect(Timestamp(unixSeconds: 253_402_300_800) == nil)
    }
}
