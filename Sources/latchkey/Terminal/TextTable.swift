/// Columns that line up.
enum TextTable {
    /// - Parameter numbers: the columns that are aligned on the right.
    static func lines(_ header: [String], _ rows: [[String]], numbers: Set<Int> = []) -> [String] {
        let all = [header] + rows
        let widths = header.indices.map { column in all.map { width($0[column]) }.max() ?? 0 }
        return all.map { row in
            var line = ""
            for (column, cell) in row.enumerated() {
                let blanks = String(repeating: " ", count: widths[column] - width(cell))
                let isLast = column == row.count - 1
                line += numbers.contains(column) ? blanks + cell : isLast ? cell : cell + blanks
                if !isLast { line += "  " }
            }
            while line.last == " " { line.removeLast() }
            return line
        }
    }

    /// What cannot be seen does not count, or a terminal's own commands in an id would be carried out.
    static func printable(_ text: String) -> String {
        String(
            String.UnicodeScalarView(text.unicodeScalars.map { $0.properties.isWhitespace || isControl($0) ? "_" : $0 })
        )
    }

    private static func width(_ text: String) -> Int { text.count }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .privateUse, .surrogate, .unassigned, .lineSeparator, .paragraphSeparator: true
        default: false
        }
    }
}
