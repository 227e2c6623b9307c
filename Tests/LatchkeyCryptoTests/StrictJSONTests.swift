import LatchkeyCrypto
import Testing

struct StrictJSONTests {
    private func failure(_ text: String, depth: Int = 32) -> JSONParseError? {
        failure([UInt8](text.utf8), depth: depth)
    }

    private func failure(_ bytes: [UInt8], depth: Int = 32) -> JSONParseError? {
        do throws(JSONParseError) {
            _ = try StrictJSON.parse(bytes, maximumDepth: depth)
            return nil
        } catch {
            return error
        }
    }

    @Test func `every kind of value is read`() throws {
        let text = #" {"a":[1,-2.5e+3,true,false,null,"\u0041\uD83E\udd8a\n\/"],"":{},"b":"\b\f\r\t\\\""} "#
        guard case .object(let object) = try StrictJSON.parse([UInt8](text.utf8)) else {
            Issue.record("not an object")
            return
        }
        #expect(object.names == ["a", "", "b"])
        guard case .array(let array)? = object["a"], array.count == 6, case .number(let integer) = array[0],
            case .number(let fraction) = array[1], case .bool(true) = array[2], case .bool(false) = array[3],
            case .null = array[4], case .string(let string) = array[5], case .string(let escapes)? = object["b"],
            case .object(let empty)? = object[""]
        else {
            Issue.record("wrong values")
            return
        }
        #expect(integer.int64 == 1)
        #expect(fraction.int64 == nil)
        #expect(fraction.double == -2500)
        #expect(string.string == "A\u{1f98a}\n/")
        #expect(escapes.bytes == [8, 12, 13, 9, 92, 34])
        #expect(empty.members.isEmpty)
        #expect(object["c"] == nil)
    }

    /// A member is found by its bytes: `String` would take one spelling of a name for the other.
    @Test func `names are compared as bytes`() throws {
        let text = "{\"caf\u{e9}\":1,\"cafe\u{301}\":2}"
        guard case .object(let object) = try StrictJSON.parse([UInt8](text.utf8)),
            case .number(let composed)? = object["caf\u{e9}"], case .number(let decomposed)? = object["cafe\u{301}"]
        else {
            Issue.record("not found")
            return
        }
        #expect(composed.int64 == 1)
        #expect(decomposed.int64 == 2)
    }

    @Test(arguments: [
        (#"{"a":1,"a":1}"#, 7), (#"{"a":1,"b":2,"\u0061":3}"#, 13), (#"[{"x":{"":0,"":0}}]"#, 12),
        (#"{"\ud83e\udd8a":1,"🦊":2}"#, 18), (#"{"\/":1,"/":2}"#, 8),
    ])
    func `a name given twice is refused, however it is spelled`(text: String, offset: Int) {
        #expect(failure(text)?.reason == .duplicateMember)
        #expect(failure(text)?.offset == offset)
    }

    @Test func `a name given twice among thousands is refused, and fast`() {
        let members = (0..<5000).map { #""k\#($0)":0"# }
        #expect(failure("{" + members.joined(separator: ",") + "}") == nil)
        for index in [0, 7, 8, 9, 4999] {
            #expect(
                failure("{" + (members + [members[index]]).joined(separator: ",") + "}")?.reason == .duplicateMember)
        }
    }

    @Test(arguments: [
        #""\ud800""#, #""\udc00""#, #""\ud800\ud800""#, #""\ud800x""#, #""\ud800\n""#, #""\udc00\ud800""#,
        #""\ud83e\udd""#,
        #""\ud83e"#, #"{"\ud800":1}"#,
    ])
    func `a lone surrogate is refused`(text: String) {
        #expect(failure(text)?.reason == .syntax)
    }

    @Test(arguments: [
        "{", "[", "\"", "\"\\", "\"\\u12", "\"\\u12g4\"", "\"\\x\"", "\"\u{1}\"", "\"a\nb\"", "[1,]", "[,1]", "[1 2]",
        "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "{1:1}", "{\"a\" 1}", "'a'", "tru", "True", "nul", "NaN",
        "Infinity",
        "-Infinity", "+1", "-", ".5", "1.", "1.e3", "1e", "1e+", "--1", "-a", "//x", "/**/1", "\u{feff}1",
        "]", "}", ",", ":", "\u{a0}1",
    ])
    func `what RFC 8259 does not allow is refused`(text: String) {
        #expect(failure(text)?.reason == .syntax)
    }

    @Test(arguments: [("1 2", 2), ("{}{}", 2), ("null\u{0}", 4), ("01", 1), ("0x10", 1), ("1 // x", 2), ("\"a\"b", 3)])
    func `bytes after the value are refused`(text: String, offset: Int) {
        let error = failure(text)
        #expect(error?.reason == .trailingBytes)
        #expect(error?.offset == offset)
    }

    @Test(arguments: ["", " ", "\n\t\r "])
    func `nothing is not a value`(text: String) {
        #expect(failure(text)?.reason == .empty)
    }

    /// RFC 3629 section 4: each row is a sequence that looks like UTF-8 and is not, with the place of its fault.
    @Test(
        arguments: [
            [0x80], [0xbf], [0xc0, 0x80], [0xc1, 0xbf], [0xc2], [0xc2, 0x41], [0xe0, 0x80, 0x80], [0xe0, 0x9f, 0xbf],
            [0xed, 0xa0, 0x80], [0xed, 0xbf, 0xbf], [0xe1, 0x80], [0xe1, 0x80, 0x41], [0xf0, 0x80, 0x80, 0x80],
            [0xf0, 0x8f, 0xbf, 0xbf], [0xf1, 0x80, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xff],
            [0xfe],
        ] as [[UInt8]])
    func `what is not UTF-8 is refused, in a string or out of it`(sequence: [UInt8]) {
        let quoted = [UInt8](ascii: "[\"") + sequence + [UInt8](ascii: "\"]")
        #expect(failure(quoted)?.reason == .notUTF8)
        #expect(failure(quoted)?.offset == 2)
        #expect(failure([UInt8](ascii: "[\"") + sequence)?.reason == .notUTF8)
        #expect(failure([0x31] + sequence)?.reason == .notUTF8)
    }

    @Test func `every scalar is read, raw and escaped`() throws {
        for value in UInt32(0x20)...0x10ffff {
            guard value % 61 == 0 || value < 0x900 || value > 0xfff0, let scalar = Unicode.Scalar(value) else {
                continue
            }
            let expected = [UInt8](String(scalar).utf8)
            let units = String(scalar).utf16.map { unit in
                let digits = String(unit, radix: 16)
                return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            }
            for text in ["\"\(units.joined())\"", "\"\(scalar)\""] {
                if text.utf8.count < 6, "\"\\".unicodeScalars.contains(scalar) { continue }
                guard case .string(let string) = try StrictJSON.parse([UInt8](text.utf8)) else {
                    Issue.record("U+\(String(value, radix: 16)) is not read")
                    return
                }
                if string.bytes != expected { Issue.record("U+\(String(value, radix: 16)) became \(string.bytes)") }
            }
        }
    }

    @Test func `the depth is counted in arrays and objects`() {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        #expect(failure(nested(32)) == nil)
        #expect(failure(nested(33)) == JSONParseError.tooDeep(at: 32))
        #expect(failure("1", depth: 0) == nil)
        #expect(failure("[]", depth: 0)?.reason == .tooDeep)
        #expect(failure(#"{"a":[1]}"#, depth: 1)?.reason == .tooDeep)
        #expect(failure(#"{"a":[1],"b":[2]}"#, depth: 2) == nil)
        #expect(failure(nested(128), depth: .max) == nil)
        #expect(failure(nested(129), depth: .max)?.reason == .tooDeep)
        #expect(failure("[]", depth: .min)?.reason == .tooDeep)
    }

    @Test(arguments: ["[", "{\"a\":", "[{\"a\":[", "\"\\u", "{\"", "-"])
    func `64 KiB of openings do not crash`(opening: String) {
        let bomb = String(repeating: opening, count: 65_536 / opening.utf8.count)
        #expect(failure(bomb) != nil)
        #expect(failure(bomb, depth: .max) != nil)
    }

    @Test(
        arguments: [
            ("0", 0), ("-0", 0), ("9223372036854775807", .max), ("-9223372036854775808", .min),
            ("9223372036854775808", nil), ("-9223372036854775809", nil), ("1.0", nil), ("1e3", nil), ("1E0", nil),
            ("123456789012345678901234567890", nil),
        ] as [(String, Int64?)])
    func `an integer is exact or it is none`(text: String, expected: Int64?) throws {
        guard case .number(let number) = try StrictJSON.parse([UInt8](text.utf8)) else {
            Issue.record("not a number")
            return
        }
        #expect(number.int64 == expected)
        #expect(number.text == [UInt8](text.utf8))
    }

    @Test(arguments: [("1e400", nil), ("-1e400", nil), ("1e-400", 0), ("1.5", 1.5), ("-0.0", 0), ("1E+2", 100)])
    func `a double is finite or it is none`(text: String, expected: Double?) throws {
        guard case .number(let number) = try StrictJSON.parse([UInt8](text.utf8)) else {
            Issue.record("not a number")
            return
        }
        #expect(number.double == expected)
    }

    @Test func `a number of 60,000 digits does not crash`() throws {
        let digits = String(repeating: "7", count: 60_000)
        guard case .number(let number) = try StrictJSON.parse([UInt8](digits.utf8)) else { return }
        #expect(number.int64 == nil)
        #expect(number.double == nil)
    }
}

extension [UInt8] {
    fileprivate init(ascii text: String) {
        self.init(text.utf8)
    }
}

extension JSONParseError {
    /// The error itself is made by the parser only.
    fileprivate static func tooDeep(at offset: Int) -> JSONParseError? {
        let bomb = [UInt8](repeating: UInt8(ascii: "["), count: offset + 1)
        do throws(JSONParseError) {
            _ = try StrictJSON.parse(bomb, maximumDepth: offset)
            return nil
        } catch {
            return error.reason == .tooDeep && error.offset == offset ? error : nil
        }
    }
}
