/// Reads a price list: comma-separated values (RFC 4180, no line breaks within quotes), UTF-8, our columns in our order.
/// Empty lines and lines that begin with `#` are passed over.
struct PriceFile {
    private(set) var rows: [PriceRow] = []
    private let source: String

    private static let columns = PriceRow.header.split(separator: ",").map(String.init)
    private static let mostRows = 20_000

    /// - Parameter source: what errors call it.
    /// - Throws: `configuration`, with the number of the line and what is wrong in it.
    init(_ bytes: [UInt8], source: String) throws(LatchkeyError) {
        self.source = source
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw LatchkeyError(.configuration, "\(source) is not UTF-8", hint: Self.hint)
        }
        var isHeaderSeen = false
        // Spreadsheets write a byte order mark.
        let lines = Array((text.utf8.starts(with: [0xEF, 0xBB, 0xBF]) ? text.utf8.dropFirst(3) : text.utf8[...]))
            .split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() {
            let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
            guard let first = line.first, first != UInt8(ascii: "#") else { continue }
            let cells = try cells(line, at: index + 1)
            guard isHeaderSeen else {
                guard cells == Self.columns else {
                    throw wrong(index + 1, "the first line is not the names of the columns, in their order")
                }
                isHeaderSeen = true
                continue
            }
            rows.append(try row(cells, at: index + 1))
            guard rows.count <= Self.mostRows else { throw wrong(index + 1, "more than \(Self.mostRows) prices") }
        }
        guard isHeaderSeen else { throw wrong(1, "there is nothing in it") }
        try refuseContradictions()
    }

    private func row(_ cells: [String], at line: Int) throws(LatchkeyError) -> PriceRow {
        guard cells.count == Self.columns.count else {
            throw wrong(line, "\(cells.count) cells, and not \(Self.columns.count)")
        }
        guard ProviderID(cells[0]) != nil else {
            throw wrong(line, "the vendor is not 1 to 50 of a-z, 0-9 and -")
        }
        guard (1...128).contains(cells[1].utf8.count), cells[1].utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw wrong(line, "the model is not 1 to 128 visible ASCII characters")
        }
        guard cells[2].utf8.count <= 200, !cells[2].unicodeScalars.contains(where: isControl) else {
            throw wrong(line, "the name is longer than 200 bytes, or holds a control character")
        }
        let row = PriceRow(
            vendor: cells[0], model: cells[1], name: cells[2],
            price: ModelPrice(
                input: try amount(cells, 3, at: line), output: try amount(cells, 4, at: line),
                cachedInput: cells[5].isEmpty ? nil : try amount(cells, 5, at: line)),
            from: try day(cells, 6, at: line), to: try day(cells, 7, at: line), line: line)
        if let from = row.from, let to = row.to, to <= from {
            throw wrong(line, "to_date is not after from_date")
        }
        return row
    }

    private func amount(_ cells: [String], _ column: Int, at line: Int) throws(LatchkeyError) -> Int64 {
        guard let micros = DollarText.micros(cells[column]), micros <= ModelPrice.highest else {
            throw wrong(
                line, "\(Self.columns[column]) is not a number of dollars up to 1000000, with up to six decimals")
        }
        return micros
    }

    private func day(_ cells: [String], _ column: Int, at line: Int) throws(LatchkeyError) -> Timestamp? {
        let text = cells[column]
        guard !text.isEmpty else { return nil }
        guard text.utf8.count == 10, let time = Timestamp(parsing: "\(text)T00:00:00Z") else {
            throw wrong(line, "\(Self.columns[column]) is not a day such as 2026-08-01")
        }
        return time
    }

    /// One line into its cells.
    private func cells(_ line: ArraySlice<UInt8>, at number: Int) throws(LatchkeyError) -> [String] {
        let (quote, comma) = (UInt8(ascii: "\""), UInt8(ascii: ","))
        var cells: [String] = []
        var rest = line
        while true {
            var cell: [UInt8] = []
            if rest.first == quote {
                rest = rest.dropFirst()
                while let byte = rest.popFirst(), byte != quote || rest.first == quote {
                    // Two quotes are one of the text.
                    if byte == quote { rest = rest.dropFirst() }
                    cell.append(byte)
                }
                guard line[rest.startIndex - 1] == quote, rest.first == nil || rest.first == comma else {
                    throw wrong(number, "a quoted cell does not end, or something follows it")
                }
            } else {
                cell += rest.prefix { $0 != comma }
                guard !cell.contains(quote) else { throw wrong(number, "a quote within a cell that is not quoted") }
                rest = rest.dropFirst(cell.count)
            }
            cells.append(String(decoding: cell, as: UTF8.self))
            guard rest.first == comma else { return cells }
            rest = rest.dropFirst()
        }
    }

    /// Two prices for one model on one day: nobody could say which is meant.
    private func refuseContradictions() throws(LatchkeyError) {
        var seen: [String: [PriceRow]] = [:]
        for row in rows {
            let key = "\(row.vendor) \(ModelName.normal(row.model))"
            for other in seen[key, default: []] where row.overlaps(other) && row.price != other.price {
                throw wrong(row.line, "another price of this model for the same days than in line \(other.line)")
            }
            seen[key, default: []].append(row)
        }
    }

    func wrong(_ line: Int, _ what: String) -> LatchkeyError {
        LatchkeyError(.configuration, "\(source), line \(line): \(what)", hint: Self.hint)
    }

    private static let hint = "docs/usage.md shows a price list"
}
