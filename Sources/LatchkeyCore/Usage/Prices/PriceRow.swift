/// One line of a price list, as it is written.
package struct PriceRow: Sendable, Hashable {
    /// In small letters: a vendor as our own list has it, or a provider's id.
    package var vendor: String
    package var model: String
    /// For people; it says `>200k` where the price is for input of more than so many thousand tokens.
    package var name: String
    package var price: ModelPrice
    /// Inclusive; nil: since ever.
    package var from: Timestamp?
    /// Exclusive; nil: until further notice.
    package var to: Timestamp?
    /// Where it stands in its file, from 1.
    package var line: Int

    /// The first line of a price list.
    package static let header =
        "vendor,model,name,usd_per_million_input,usd_per_million_output,usd_per_million_cached_input,from_date,to_date"

    /// For a price that holds above a number of tokens: the model it is of, and that number.
    ///
    /// The ending alone does not say it: there are models named so (`moonshot-v1-128k`). The name has to agree.
    var longContext: (model: String, above: Int64)? {
        guard let dash = model.utf8.lastIndex(of: UInt8(ascii: "-")), model.utf8.last == UInt8(ascii: "k") else {
            return nil
        }
        let ending = model[model.utf8.index(after: dash)...]
        guard ending.utf8.count <= 5, let thousands = Int64(ending.dropLast()), thousands > 0,
            name.utf8.firstRange(of: ">\(ending)".utf8) != nil
        else { return nil }
        return (String(model[..<dash]), thousands * 1000)
    }

    func holds(at time: Timestamp) -> Bool {
        (from.map { $0 <= time } ?? true) && (to.map { time < $0 } ?? true)
    }

    func overlaps(_ other: PriceRow) -> Bool {
        let isBefore = to.flatMap { to in other.from.map { to <= $0 } } ?? false
        let isAfter = from.flatMap { from in other.to.map { $0 <= from } } ?? false
        return !isBefore && !isAfter
    }
}
