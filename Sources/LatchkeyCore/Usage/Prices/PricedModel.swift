/// All prices of one model at one provider: over the years, and for long input.
package struct PricedModel: Sendable {
    package let vendor: String
    /// As the list spells it.
    package let model: String
    /// Each holds for some days.
    package fileprivate(set) var rows: [PriceRow] = []
    /// Prices for input of more than so many tokens, the highest number first.
    package fileprivate(set) var longContext: [(above: Int64, rows: [PriceRow])] = []

    /// - Parameter input: all of the call's input tokens. Beyond a border the whole call is at the higher price.
    package func price(input: Int64, at time: Timestamp) -> ModelPrice? {
        for tier in longContext where input > tier.above {
            if let row = tier.rows.first(where: { $0.holds(at: time) }) { return row.price }
        }
        return rows.first { $0.holds(at: time) }?.price
    }
}

/// A list of prices by vendor and model, put together out of rows.
struct PriceList {
    /// By vendor, then by the model's name as `ModelName.normal` has it.
    private(set) var models: [String: [String: PricedModel]] = [:]

    /// - Throws: `configuration` for a price for long input whose model has no other price.
    init(_ file: PriceFile) throws(LatchkeyError) {
        for row in file.rows where row.longContext == nil { add(row) }
        for row in file.rows {
            guard let (model, above) = row.longContext else { continue }
            guard add(row, of: model, above: above) else {
                throw file.wrong(row.line, "a price for input above \(above) tokens, and none for \(model) below that")
            }
        }
    }

    private mutating func add(_ row: PriceRow) {
        let empty = PricedModel(vendor: row.vendor, model: row.model)
        models[row.vendor, default: [:]][ModelName.normal(row.model), default: empty].rows.append(row)
    }

    private mutating func add(_ row: PriceRow, of model: String, above: Int64) -> Bool {
        let name = ModelName.normal(model)
        guard var priced = models[row.vendor]?[name] else { return false }
        if let index = priced.longContext.firstIndex(where: { $0.above == above }) {
            priced.longContext[index].rows.append(row)
        } else {
            priced.longContext.append((above, [row]))
            priced.longContext.sort { $0.above > $1.above }
        }
        models[row.vendor]?[name] = priced
        return true
    }

    /// Whatever the other list says of a model, it says all of it: a price that is ours does not hold beside it.
    mutating func override(with other: PriceList) {
        for (vendor, theirs) in other.models { models[vendor, default: [:]].merge(theirs) { $1 } }
    }
}
