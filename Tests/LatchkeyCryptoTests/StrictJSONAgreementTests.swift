import Foundation
import LatchkeyCrypto
import Testing

/// Foundation's reader as the judge. It is laxer than ours, so the claim has two halves: what is valid, both read, and
/// read alike; what Foundation refuses, we refuse.
struct StrictJSONAgreementTests {
    @Test func `valid documents are read alike`() throws {
        var writer = DocumentWriter(seed: 51)
        for _ in 0..<1500 {
            let text = writer.document()
            let foundation = try JSONSerialization.jsonObject(with: Data(text.utf8), options: [.fragmentsAllowed])
            let ours = try StrictJSON.parse([UInt8](text.utf8))
            if !agrees(ours, foundation) {
                Issue.record("read differently: \(text)")
                return
            }
        }
    }

    @Test func `a mutated document that Foundation refuses is refused`() throws {
        var writer = DocumentWriter(seed: 52)
        var refused = 0
        var accepted = 0
        for _ in 0..<6000 {
            var bytes = [UInt8](writer.document().utf8)
            for _ in 0..<Int.random(in: 1...3, using: &writer.random) { writer.mutate(&bytes) }
            let foundation = try? JSONSerialization.jsonObject(with: Data(bytes), options: [.fragmentsAllowed])
            let ours = try? StrictJSON.parse(bytes)
            if foundation == nil {
                refused += 1
                // Two refusals are not about the grammar: Foundation guesses UTF-16 from zero bytes, and it refuses a number
                // that no double holds, which we hand over as text.
                if let ours, !bytes.contains(0), !holdsHugeNumber(ours) {
                    Issue.record("accepted: \(String(decoding: bytes, as: UTF8.self))")
                }
            } else if let ours, let foundation {
                accepted += 1
                if !agrees(ours, foundation) {
                    Issue.record("read differently: \(String(decoding: bytes, as: UTF8.self))")
                }
            }
        }
        // Both kinds must occur often, or the property says nothing.
        #expect(refused > 1000)
        #expect(accepted > 300)
    }

    private func holdsHugeNumber(_ value: JSONValue) -> Bool {
        switch value {
        case .number(let number): number.double == nil
        case .array(let values): values.contains(where: holdsHugeNumber)
        case .object(let object): object.members.contains { holdsHugeNumber($0.value) }
        default: false
        }
    }

    private func agrees(_ ours: JSONValue, _ foundation: Any) -> Bool {
        switch ours {
        case .null: return foundation is NSNull
        case .bool(let value): return foundation as? Bool == value
        case .number(let number):
            guard let theirs = foundation as? NSNumber else { return false }
            if let integer = number.int64 { return theirs.int64Value == integer }
            guard let double = number.double else { return false }
            // Foundation is off by a last digit now and then.
            return abs(double - theirs.doubleValue) <= abs(double) * 1e-15
        case .string(let string): return (foundation as? String).map { [UInt8]($0.utf8) } == string.bytes
        case .array(let values):
            guard let theirs = foundation as? [Any], theirs.count == values.count else { return false }
            return zip(values, theirs).allSatisfy { agrees($0, $1) }
        case .object(let object):
            guard let theirs = foundation as? [String: Any], theirs.count == object.members.count else { return false }
            return object.members.allSatisfy { member in
                theirs[member.name.string].map { agrees(member.value, $0) } ?? false
            }
        }
    }
}

/// Random JSON documents in random layout.
private struct DocumentWriter {
    var random: SeededGenerator

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
    }

    mutating func document() -> String {
        space() + value(depth: 0) + space()
    }

    mutating func mutate(_ bytes: inout [UInt8]) {
        let symbols = [UInt8]("{}[]\",:0123456789.eE+-truefalsn\\/ \n\u{1f}é".utf8) + [0x00, 0x80, 0xc0, 0xff]
        let symbol = symbols.randomElement(using: &random) ?? 0
        guard let index = bytes.indices.randomElement(using: &random) else {
            bytes.append(symbol)
            return
        }
        switch Int.random(in: 0..<5, using: &random) {
        case 0: bytes[index] = symbol
        case 1: bytes.insert(symbol, at: index)
        case 2: bytes.remove(at: index)
        case 3: bytes.removeSubrange(index...)
        default: bytes.swapAt(index, bytes.indices.randomElement(using: &random) ?? 0)
        }
    }

    private mutating func value(depth: Int) -> String {
        switch Int.random(in: 0..<(depth < 6 ? 9 : 6), using: &random) {
        case 0: return ["null", "true", "false"].randomElement(using: &random) ?? "null"
        case 1: return "\(Int64.random(in: .min ... .max, using: &random))"
        case 2: return "\(Int.random(in: -9...9, using: &random))"
        case 3:
            // Within 15 digits and a small exponent, so that two correct readers cannot round differently.
            let fraction = Int.random(in: 0...99999, using: &random)
            let exponent = ["", "e5", "E-3", "e+2"].randomElement(using: &random) ?? ""
            return "\(Int.random(in: -999...999, using: &random)).\(fraction)\(exponent)"
        case 4, 5: return string()
        case 6, 7:
            let values = (0..<Int.random(in: 0...5, using: &random)).map { _ in
                space() + value(depth: depth + 1) + space()
            }
            return "[" + (values.isEmpty ? space() : values.joined(separator: ",")) + "]"
        default:
            let members = (0..<Int.random(in: 0...5, using: &random)).map { index in
                // The index keeps names distinct; the rest is as wild as any string.
                space() + "\"\(index)" + string().dropFirst() + space() + ":" + space() + value(depth: depth + 1)
                    + space()
            }
            return "{" + (members.isEmpty ? space() : members.joined(separator: ",")) + "}"
        }
    }

    private mutating func string() -> String {
        let parts = [
            "a", "Z", " ", "é", "e\u{301}", "\u{1f98a}", "\u{7f}", "\u{2028}", "\\n", "\\t", "\\\"", "\\\\", "\\/",
            "\\b",
            "\\u0041", "\\u00e9", "\\uD83E\\uDD8A", "\\u2028", "{", "]", ":",
        ]
        let count = Int.random(in: 0...8, using: &random)
        return "\"" + (0..<count).map { _ in parts.randomElement(using: &random) ?? "" }.joined() + "\""
    }

    private mutating func space() -> String {
        ["", "", "", " ", "\n", "\t \r"].randomElement(using: &random) ?? ""
    }
}
