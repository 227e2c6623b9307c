import LatchkeyCore
import LatchkeyCrypto
import LatchkeyGateway
import LatchkeyTesting
import NIOCore
import Testing

/// The meter against a reader that has the whole text before it.
struct AnswerMeterPropertyTests {
    @Test func `of any JSON the same is taken as a reader of the whole tree takes`() throws {
        var random = SeededRandom(seed: 7)
        var counted = 0
        var parsed = 0
        for round in 0..<3000 {
            let text = RandomAnswer.text(&random)
            let bytes = Array(text.utf8)
            guard let tree = try? StrictJSON.parse(bytes, maximumDepth: 128) else { continue }
            let expected = Self.read(tree)
            parsed += 1
            let pieces = round % 2 == 0 ? [bytes[...]] : Splits.random(bytes, &random)
            let run = MeterRun(pieces, shape: .openai, contentType: "application/json", hides: false)
            #expect(run.tokens == expected, "\(text)")
            #expect(run.output == bytes)
            if !expected.isEmpty { counted += 1 }
        }
        #expect(parsed > 2900)
        #expect(counted > 300)
    }

    @Test func `no bytes make it stop or change what passes`() {
        var random = SeededRandom(seed: 8)
        let alphabet =
            Array("{}[]\":,\\ \r\n\tdata:usagepromptokchies0123456789.-eEnulltruefals".utf8) + [
                0xef, 0xbb, 0xbf, 0, 0xff,
            ]
        for round in 0..<3000 {
            let bytes = round % 3 == 0 ? random.bytes(200) : (0..<300).map { _ in random.pick(alphabet) }
            for type in ["application/json", "text/event-stream"] {
                let pieces = Splits.random(bytes, &random)
                let run = MeterRun(pieces, shape: .openai, contentType: type, hides: false)
                #expect(run.output == bytes)
                let whole = MeterRun([bytes[...]], shape: .openai, contentType: type, hides: true)
                #expect(MeterRun(pieces, shape: .openai, contentType: type, hides: true) == whole)
            }
        }
    }

    /// The rules, once more, on a tree.
    private static func read(_ tree: JSONValue) -> TokenCounts {
        let documents = if case .array(let list) = tree { list } else { [tree] }
        var input: Int64?
        var output: Int64?
        var cached: Int64?
        for case .object(let document) in documents {
            for member in document.members {
                guard member.name.string == "usage", case .object(let usage) = member.value else { continue }
                input = last(count(usage["prompt_tokens"]), input)
                output = last(count(usage["completion_tokens"]), output)
                for member in usage.members {
                    if member.name.string == "cached_tokens" { cached = last(count(member.value), cached) }
                    guard member.name.string == "prompt_tokens_details", case .object(let details) = member.value
                    else { continue }
                    cached = last(count(details["cached_tokens"]), cached)
                }
            }
        }
        return TokenCounts(input: input, output: output, cachedInput: cached)
    }

    private static func last(_ new: Int64?, _ old: Int64?) -> Int64? {
        guard let new, new > 0 || old == nil else { return old }
        return new
    }

    private static func count(_ value: JSONValue?) -> Int64? {
        guard case .number(let number)? = value, let count = number.int64, count >= 0, count <= 1_000_000_000_000,
            number.text.first != UInt8(ascii: "-")
        else { return nil }
        return count
    }
}

/// JSON made of the names that matter, in places where they do and where they do not.
private enum RandomAnswer {
    static func text(_ random: inout SeededRandom) -> String {
        random.chance(0.8) ? object(&random, depth: 0) : "[" + list(&random) { object(&$0, depth: 0) } + "]"
    }

    private static let names = [
        "usage", "prompt_tokens", "completion_tokens", "prompt_tokens_details", "cached_tokens", "a", "choices",
        "\\u0062", "", "\\\"", "usage ", String(repeating: "long", count: 20),
    ]

    private static func value(_ random: inout SeededRandom, depth: Int) -> String {
        if depth == 0, random.chance(0.6) { return object(&random, depth: depth + 1) }
        return switch random.number(in: 0...9) {
        case 0...2 where depth < 3: object(&random, depth: depth + 1)
        case 4 where depth < 3: "[" + list(&random) { value(&$0, depth: depth + 1) } + "]"
        case 5: random.pick(["true", "false", "null", "-3", "2.5", "1e3", "18446744073709551616", "-0"])
        case 6: "\"" + random.pick(["{", "}", "\\\"", "\\\\", "],[", "usage", "\\u007b", "\\\\\\\""]) + "\""
        default: String(random.number(in: 0...2000))
        }
    }

    private static func object(_ random: inout SeededRandom, depth: Int) -> String {
        // Near the root the names that are looked for come first.
        var names = depth < 2 && random.chance(0.7) ? Array(names.prefix(5)) : names
        names.shuffle(using: &random)
        return "{"
            + list(&random) { "\"\(names.removeLast())\"\(space(&$0)):\(space(&$0))\(value(&$0, depth: depth))" } + "}"
    }

    private static func list(_ random: inout SeededRandom, _ item: (inout SeededRandom) -> String) -> String {
        (0..<random.number(in: 0...5)).map { _ in space(&random) + item(&random) + space(&random) }.joined(
            separator: ",")
    }

    private static func space(_ random: inout SeededRandom) -> String {
        random.pick(["", "", "", " ", "\n", "\t\r\n"])
    }
}
