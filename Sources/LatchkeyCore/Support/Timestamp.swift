/// A moment in UTC to the microsecond: what both databases keep, and what the wire shows to the second.
///
/// Formatting is by hand because each status answer formats dozens: the calendar arithmetic is Howard Hinnant's
/// `civil_from_days` and `days_from_civil`.
public struct Timestamp: Sendable, Hashable, Comparable {
    /// Microseconds since 1970-01-01T00:00:00Z.
    public let microseconds: Int64

    public init(microseconds: Int64) { self.microseconds = microseconds }

    /// - Returns: nil when the seconds do not fit or lie outside the years 1 to 9999.
    public init?(unixSeconds: Int64) {
        let (product, overflow) = unixSeconds.multipliedReportingOverflow(by: 1_000_000)
        guard !overflow, (-62_135_596_800...253_402_300_799).contains(unixSeconds) else { return nil }
        self.microseconds = product
    }

    public static func < (lhs: Self, rhs: Self) -> Bool { lhs.microseconds < rhs.microseconds }

    /// Whole seconds since the epoch, rounded down.
    public var unixSeconds: Int64 {
        let (quotient, remainder) = microseconds.quotientAndRemainder(dividingBy: 1_000_000)
        return remainder < 0 ? quotient - 1 : quotient
    }

    /// Saturates instead of overflowing: a forged far future stays a far future.
    public func advanced(bySeconds seconds: Int64) -> Timestamp {
        let (delta, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000)
        let (sum, overflow2) = microseconds.addingReportingOverflow(delta)
        if overflow || overflow2 { return Timestamp(microseconds: seconds < 0 ? .min : .max) }
        return Timestamp(microseconds: sum)
    }
}

extension Timestamp {
    /// `2026-08-01T12:00:00Z` (RFC 3339), to the second.
    public var rfc3339: String { format(separator: UInt8(ascii: "T"), fraction: false, zone: true) }

    /// `2026-08-01 12:00:00.000000`: SQL's `TIMESTAMP` literal, and what SQLAlchemy writes to SQLite.
    public var sql: String { format(separator: UInt8(ascii: " "), fraction: true, zone: false) }

    private func format(separator: UInt8, fraction: Bool, zone: Bool) -> String {
        let seconds = unixSeconds
        var days = seconds / 86_400
        var secondOfDay = seconds % 86_400
        if secondOfDay < 0 {
            secondOfDay += 86_400
            days -= 1
        }
        let (year, month, day) = Self.civil(fromDays: days)
        let micros = microseconds &- seconds &* 1_000_000
        return String(unsafeUninitializedCapacity: 32) { out in
            var n = 0
            func put(_ value: Int64, _ digits: Int) {
                var value = value
                for place in stride(from: n + digits - 1, through: n, by: -1) {
                    out[place] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value % 10)
                    value /= 10
                }
                n += digits
            }
            func put(_ byte: UInt8) {
                out[n] = byte
                n += 1
            }
            put(max(0, min(9999, year)), 4)
            put(UInt8(ascii: "-"))
            put(month, 2)
            put(UInt8(ascii: "-"))
            put(day, 2)
            put(separator)
            put(secondOfDay / 3600, 2)
            put(UInt8(ascii: ":"))
            put(secondOfDay / 60 % 60, 2)
            put(UInt8(ascii: ":"))
            put(secondOfDay % 60, 2)
            if fraction {
                put(UInt8(ascii: "."))
                put(micros, 6)
            }
            if zone { put(UInt8(ascii: "Z")) }
            return n
        }
    }

    private static func civil(fromDays days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = days &+ 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }
}
