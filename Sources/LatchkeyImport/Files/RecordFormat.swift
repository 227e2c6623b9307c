/// How one record is found at the start of some bytes.
protocol RecordFormat {
    associatedtype Value

    /// - Parameter isLast: whether the file ends with these bytes.
    func scan(_ bytes: UnsafeRawBufferPointer, isLast: Bool) -> RecordScan<Value>
}

enum RecordScan<Value> {
    /// A record, and how many bytes it takes with its end.
    case record(Value, length: Int)
    /// So many bytes that belong to no record: blank lines, separators.
    case between(length: Int)
    /// The record goes on behind these bytes.
    case more
    /// Not a record; why, without a word of what stands there.
    case bad(String)
}

/// A record out of a file, or the place of one that could not be read.
enum FileRecord<Value> {
    case good(line: Int, Value)
    case bad(line: Int, reason: String)
}
