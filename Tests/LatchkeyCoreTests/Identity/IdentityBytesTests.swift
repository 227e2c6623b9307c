import LatchkeyCore
import Testing

/// Ids and names are bytes: what is not of the form is refused, never mended.
struct IdentityBytesTests {
    @Test func `two spellings of one word are two users`() throws {
        let composed = try UserID("caf\u{e9}")
        let decomposed = try UserID("cafe\u{301}")
        #expect(composed != decomposed)
        #expect(Set([composed, decomposed]).count == 2)
        #expect(KeyOwner.user(composed) != .user(decomposed))
        #expect(composed.bytes == [0x63, 0x61, 0x66, 0xC3, 0xA9])
    }

    @Test func `a user id keeps its bytes`() throws {
        for text in ["a", " a ", "A", "🔑", "\u{feff}a", "global", "%", "'", String(repeating: "🔑", count: 64)] {
            let id = try UserID(text)
            #expect(id.bytes == Array(text.utf8))
            #expect(Array(id.text.utf8) == Array(text.utf8))
        }
    }

    @Test(
        arguments: [
            [], [0x00], [0x61, 0x00], [0x61, 0x0A], [0x1F], [0x7F], [0xC2, 0x80], [0xC2, 0x9F], [0xFF], [0xC3],
            [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xE2, 0x82],
            [UInt8](repeating: 0x61, count: 65),
        ] as [[UInt8]])
    func `bytes that are no user id`(bytes: [UInt8]) async {
        #expect(await code { _ = try UserID(bytes) } == .invalidUserID)
    }

    @Test func `no user id is the column of global keys`() async {
        #expect(KeyOwner.global.column.isEmpty)
        #expect(await code { _ = try UserID("") } == .invalidUserID)
        #expect(KeyOwner.user(alice) != .global)
        #expect(KeyOwner.user(alice).table != KeyOwner.global.table)
    }

    @Test func `every byte of a name and of a provider's id is judged`() throws {
        let letters = Array("abcdefghijklmnopqrstuvwxyz0123456789".utf8)
        let names = Set(letters + Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ._-".utf8))
        let providers = Set(letters + Array("-".utf8))
        for value in UInt8(0)...0x7F {
            let text = String(Unicode.Scalar(value))
            #expect(((try? KeyName(text)) != nil) == names.contains(value), "\(value)")
            #expect((ProviderID(text) != nil) == providers.contains(value), "\(value)")
        }
        for text in ["", "a\u{301}", "é", "ａ", "\u{212a}", "١"] {
            #expect((try? KeyName(text)) == nil)
            #expect(ProviderID(text) == nil)
        }
        #expect((try? KeyName(String(repeating: "a", count: 64))) != nil)
        #expect((try? KeyName(String(repeating: "a", count: 65))) == nil)
        #expect(ProviderID(String(repeating: "a", count: 50)) != nil)
        #expect(ProviderID(String(repeating: "a", count: 51)) == nil)
        #expect(try KeyName("default") == .default)
    }
}

/// What may be stored as a key.
struct KeyFormatTests {
    @Test func `every byte of a key is judged`() async {
        for byte in UInt8.min...UInt8.max {
            let key = Array("key-".utf8) + [byte] + Array("-0123".utf8)
            let seen = await code { try KeyFormat.check(key) }
            #expect(seen == ((0x21...0x7E).contains(byte) ? nil : .invalidKeyFormat), "\(byte)")
        }
    }

    @Test(arguments: [
        "sk-…1234", "sk-...1234", "********", "sk-***", "••••1234", "●●●●", "····", "xxxx", "....",
        "0000",
    ])
    func `a masked key is named as one`(key: String) async {
        #expect(await code { try KeyFormat.check(Array(key.utf8)) } == .maskedKey)
    }

    @Test(arguments: [
        "a", "xxx", "sk-..1234", "sk-**1234", "a.b.c", "eyJh.eyJz.c2ln",
        "!\"#$%&'()+,/:;<=>?@[\\]^`{|}~",
    ])
    func `what is odd and no mask is a key`(key: String) async {
        #expect(await code { try KeyFormat.check(Array(key.utf8)) } == nil)
    }

    @Test func `line ends are found wherever they stand`() async {
        for end in ["\r\n", "\n", "\r", "\u{2028}", "\u{85}", "\0"] {
            for key in ["\(end)key-0123", "key-\(end)0123", "key-0123\(end)"] {
                #expect(await code { try KeyFormat.check(Array(key.utf8)) } == .invalidKeyFormat)
            }
        }
    }

    @Test func `1 to 4096 bytes`() async {
        func key(_ count: Int) -> [UInt8] { (0..<count).map { 0x41 + UInt8($0 % 26) } }
        #expect(await code { try KeyFormat.check([]) } == .invalidKeyFormat)
        #expect(await code { try KeyFormat.check(key(4096)) } == nil)
        #expect(await code { try KeyFormat.check(key(4097)) } == .invalidKeyFormat)
    }

    @Test func `no error quotes the key`() async {
        for key in ["CANARY key", "CANARY…", "CANARY\u{e9}", String(repeating: "CANARY", count: 1000)] {
            let error = await failure { try KeyFormat.check(Array(key.utf8)) }
            #expect(error.map { !"\($0) \($0.hint ?? "")".contains("CANARY") } == true)
        }
    }
}
