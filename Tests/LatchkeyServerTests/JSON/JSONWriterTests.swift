import Foundation
import LatchkeyCore
import LatchkeyCrypto
import NIOCore
import Testing

@testable import LatchkeyServer

/// What the writer writes, two readers read back: ours, which forgives nothing, and Foundation's.
struct JSONWriterTests {
    /// A document, its texts as bytes: `String` would call the two spellings of é equal.
    indirect enum Node: Equatable, Decodable {
        case null
        case flag(Bool)
        case number(Int64)
        case text([UInt8])
        case list([Node])
        case members([Member])

        struct Member: Equatable {
            var name: [UInt8]
            var value: Node
        }
    }

    private static func written(_ node: Node) -> [UInt8] {
        var writer = JSONWriter(capacity: 1)
        node.write(to: &writer)
        return Array(writer.buffer.readableBytesView)
    }

    @Test(arguments: 0..<40 as Range<UInt64>)
    func `random documents are read back as they were written, by both readers`(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<25 {
            let node = Node.random(depth: 5, using: &generator)
            let bytes = Self.written(node)
            #expect(Node(try StrictJSON.parse(bytes)) == node)
            #expect(try JSONDecoder().decode(Node.self, from: Data(bytes)).sorted == node.sorted)
        }
    }

    @Test func `every byte below a blank is escaped, and so are quote and backslash, and nothing else`() {
        for scalar in (0...0x2fff as ClosedRange<UInt32>).compactMap(Unicode.Scalar.init) {
            let hex = String(scalar.value, radix: 16)
            let expected =
                switch scalar {
                case "\"", "\\": "\"<\\\(scalar)>\""
                case _ where scalar.value < 0x10: "\"<\\u000\(hex)>\""
                case _ where scalar.value < 0x20: "\"<\\u00\(hex)>\""
                default: "\"<\(scalar)>\""
                }
            #expect(Self.written(.text(Array("<\(scalar)>".utf8))) == Array(expected.utf8), "U+\(hex)")
        }
    }

    @Test(arguments: [
        "", "\u{0}", "a\u{0}b", "\r\n", "\"\\\"", "\\u0041", "</script>", "caf\u{e9}", "cafe\u{301}",
        "\u{2028}\u{2029}",
        "\u{feff}", "\u{7f}\u{80}", "🔑", "\u{10ffff}", "日本語",
    ])
    func `a text and the same bytes are written alike and come back byte for byte`(text: String) throws {
        let bytes = Array(text.utf8)
        var writer = JSONWriter()
        writer.value(text)
        let written = Array(writer.buffer.readableBytesView)
        #expect(Self.written(.text(bytes)) == written)
        #expect(try StrictJSON.parse(written).bytes == bytes)
        #expect(try JSONDecoder().decode(String.self, from: Data(written)).utf8.elementsEqual(bytes))
    }

    @Test func `members, lists and empty ones get their commas`() {
        var writer = JSONWriter()
        writer.object { writer in
            writer.member("a", 1)
            writer.member("b", nil as String?)
            writer.member("c", [] as [String])
            writer.member("d", ["x", "y"])
            writer.name("e")
            writer.object { _ in }
            writer.name("f")
            writer.array([true, false]) { $0.value($1) }
            writer.member("g", Int64.min)
            writer.member("h", Timestamp(unixSeconds: 0))
            writer.member("i", nil as Int64?)
            writer.member("j\"", true)
        }
        #expect(
            String(buffer: writer.buffer)
                == #"{"a":1,"b":null,"c":[],"d":["x","y"],"e":{},"f":[true,false],"#
                + #""g":-9223372036854775808,"h":"1970-01-01T00:00:00Z","i":null,"j\"":true}"#)
    }
}

// Making, writing, reading
extension JSONWriterTests.Node {
    func write(to writer: inout JSONWriter) {
        switch self {
        case .null: writer.null()
        case .flag(let flag): writer.value(flag)
        case .number(let number): writer.value(number)
        case .text(let bytes): bytes.withUnsafeBytes { writer.value(utf8: $0) }
        case .list(let nodes): writer.array(nodes) { $1.write(to: &$0) }
        case .members(let members):
            writer.object { writer in
                for member in members {
                    writer.name(String(decoding: member.name, as: UTF8.self))
                    member.value.write(to: &writer)
                }
            }
        }
    }

    /// Foundation gives no order.
    var sorted: Self {
        switch self {
        case .list(let nodes): .list(nodes.map(\.sorted))
        case .members(let members):
            .members(
                members.map { Member(name: $0.name, value: $0.value.sorted) }
                    .sorted { $0.name.lexicographicallyPrecedes($1.name) })
        default: self
        }
    }

    static func random(depth: Int, using generator: inout SeededGenerator) -> Self {
        switch Int.random(in: 0..<(depth > 0 ? 6 : 4), using: &generator) {
        case 0: return .null
        case 1: return .flag(Bool.random(using: &generator))
        case 2:
            let bits = Int.random(in: 1...64, using: &generator)
            return .number(Int64(truncatingIfNeeded: generator.next() >> (64 - bits)))
        case 3: return .text(randomText(using: &generator))
        case 4:
            return .list(
                (0..<Int.random(in: 0...5, using: &generator)).map { _ in random(depth: depth - 1, using: &generator) })
        default:
            // The number keeps names apart, also for a reader that compares them as `String`.
            return .members(
                (0..<Int.random(in: 0...5, using: &generator)).map { index in
                    Member(
                        name: Array("\(index)".utf8) + randomText(using: &generator),
                        value: random(depth: depth - 1, using: &generator))
                })
        }
    }

    private static let scalars: [Unicode.Scalar] =
        (0...0x7f as ClosedRange<UInt32>).compactMap(Unicode.Scalar.init)
        + ["\u{80}", "\u{e9}", "\u{301}", "\u{7ff}", "\u{2028}", "\u{feff}", "\u{ffff}", "🔑", "\u{10ffff}"]

    private static func randomText(using generator: inout SeededGenerator) -> [UInt8] {
        var text = String.UnicodeScalarView()
        for _ in 0..<Int.random(in: 0...12, using: &generator) {
            text.append(scalars[Int.random(in: 0..<scalars.count, using: &generator)])
        }
        return Array(String(text).utf8)
    }

    init(_ value: JSONValue) {
        switch value {
        case .null: self = .null
        case .bool(let flag): self = .flag(flag)
        case .number(let number): self = number.int64.map { .number($0) } ?? .null
        case .string(let text): self = .text(text.bytes)
        case .array(let values): self = .list(values.map { Self($0) })
        case .object(let object):
            self = .members(object.members.map { Member(name: $0.name.bytes, value: Self($0.value)) })
        }
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let flag = try? container.decode(Bool.self) {
            self = .flag(flag)
        } else if let number = try? container.decode(Int64.self) {
            self = .number(number)
        } else if let text = try? container.decode(String.self) {
            self = .text(Array(text.utf8))
        } else if let list = try? container.decode([Self].self) {
            self = .list(list)
        } else {
            self = .members(
                try container.decode([String: Self].self).map { Member(name: Array($0.key.utf8), value: $0.value) })
        }
    }
}
