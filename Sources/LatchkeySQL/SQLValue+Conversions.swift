package import LatchkeyCore

extension SQLValue {
    package init(_ text: String?) {
        self = text.map { .text($0) } ?? .null
    }

    package init(_ number: Int?) {
        self = number.map { .integer(Int64($0)) } ?? .null
    }

    package init(_ time: Timestamp?) {
        self = time.map { .text($0.sql) } ?? .null
    }
}

extension SQLRow {
    package func timestamp(_ column: Int) -> Timestamp? {
        withText(column) { Timestamp(parsing: $0) } ?? nil
    }
}
