import Foundation
import Hummingbird
import LatchkeyCore

/// The parameters of a query, each asked for by name. As with a body's members, what was not asked for is an error, and so
/// is a name that is there twice.
struct QueryReader {
    private var values: [String: String] = [:]

    init(_ request: Request) throws(LatchkeyError) {
        guard let query = request.uri.query, !query.isEmpty else { return }
        for (name, value) in request.uri.queryParameters {
            let name = String(name).replacing("+", with: " ").removingPercentEncoding ?? String(name)
            guard values.updateValue(String(value), forKey: name) == nil else {
                throw LatchkeyError(.invalidRequest, "a parameter of the query is there twice")
            }
        }
    }

    /// nil where it is not there, or empty.
    mutating func text(_ name: String) -> String? {
        values.removeValue(forKey: name).flatMap { $0.isEmpty ? nil : $0 }
    }

    /// - Throws: `invalid_request`.
    mutating func number(_ name: String, in range: ClosedRange<Int>) throws(LatchkeyError) -> Int? {
        guard let text = text(name) else { return nil }
        guard text.utf8.count <= 10, let number = Int(text), range.contains(number) else {
            throw LatchkeyError(
                .invalidRequest, "\(name) is not a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// - Throws: `invalid_request`, naming what is not known when it is a plain word.
    func finish(known: String) throws(LatchkeyError) {
        guard let name = values.keys.min() else { return }
        let isPlain =
            name.utf8.count <= 32
            && name.utf8.allSatisfy {
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || $0 == UInt8(ascii: "_")
            }
        throw LatchkeyError(
            .invalidRequest,
            isPlain ? "the parameter \(name) is not known here" : "a parameter of the query is not known here",
            hint: "this path takes \(known)")
    }
}
