import LatchkeyCrypto
import LatchkeyGateway
import LatchkeyTesting
import NIOCore
import Testing

/// The key does not come out of an answer.
struct KeyRedactorTests {
    private func redactor(_ key: String) -> KeyRedactor { KeyRedactor(secret: Secret(copying: Array(key.utf8))) }

    private func run(_ key: String, _ pieces: [ArraySlice<UInt8>]) -> [UInt8] {
        let redactor = redactor(key)
        var output: [UInt8] = []
        for piece in pieces {
            if let passed = redactor.feed(ByteBuffer(bytes: piece)) { output += passed.readableBytesView }
        }
        if let rest = redactor.finish() { output += rest.readableBytesView }
        return output
    }

    private func run(_ key: String, _ text: String) -> String {
        String(decoding: run(key, [Array(text.utf8)[...]]), as: UTF8.self)
    }

    /// Plain search, and each byte of each place blacked out.
    private func plain(_ key: [UInt8], _ text: [UInt8]) -> [UInt8] {
        var result = text
        guard text.count >= key.count else { return text }
        for start in 0...text.count - key.count where text[start..<start + key.count].elementsEqual(key) {
            for index in start..<start + key.count { result[index] = UInt8(ascii: "*") }
        }
        return result
    }

    @Test func `each byte of the key is blacked out, and the length stays`() {
        let key = "sk-proj-0123456789"
        #expect(run(key, "Incorrect API key: \(key).") == "Incorrect API key: ******************.")
        #expect(run(key, key) == "******************")
        #expect(run(key, key + key + "x") == String(repeating: "*", count: 36) + "x")
        #expect(run(key, "sk-proj-012345678") == "****************" + "*")
        #expect(run(key, "see sk-proj-…") == "see sk-proj-…")
        #expect(run(key, "sk-sk-proj-") == "sk-sk-proj-")
    }

    @Test(arguments: ["aaabaaaab", "aaaaaaaa", "abababab", "abaababa", "sk-proj-abc", "aabaabaaab", "abacabadabacaba"])
    func `wherever the text is split, it comes out as by plain search`(key: String) {
        var random = SeededRandom(seed: 10)
        let bytes = Array(key.utf8)
        let letters = Array(Set(bytes)) + [UInt8(ascii: "z")]
        var found = 0
        for round in 0..<1500 {
            var text: [UInt8] = []
            while text.count < 200 {
                switch random.number(in: 0...3) {
                case 0: text += bytes
                case 1: text += bytes.prefix(Int(random.number(in: 0...Int64(bytes.count))))
                case 2: text += bytes.suffix(Int(random.number(in: 0...Int64(bytes.count))))
                default: text += (0..<random.number(in: 0...20)).map { _ in random.pick(letters) }
                }
            }
            let pieces = round % 5 == 0 ? text.indices.map { text[$0...$0] } : Splits.random(text, &random)
            let expected = plain(bytes, text)
            #expect(run(key, pieces) == expected)
            #expect(redactor(key).contains(String(decoding: text, as: UTF8.self)) == (expected != text))
            if expected != text { found += 1 }
        }
        #expect(found > 500)
    }

    @Test func `a long text with the key anywhere in it`() {
        var random = SeededRandom(seed: 11)
        for _ in 0..<300 {
            let key = (0..<random.number(in: 8...180)).map { _ in UInt8(random.number(in: 0x21...0x7e)) }
            var text = (0..<5000).map { _ in
                random.chance(0.2) ? random.pick(Array(key.prefix(2))) : UInt8(random.number(in: 0x20...0x7e))
            }
            for _ in 0..<random.number(in: 0...3) {
                text.insert(contentsOf: key, at: Int(random.number(in: 0...Int64(text.count))))
            }
            let name = String(decoding: key, as: UTF8.self)
            #expect(run(name, Splits.random(text, &random)) == plain(key, text))
            #expect(run(name, [text[...]]) == plain(key, text))
        }
    }

    @Test func `no more is held than the key begins with`() throws {
        let redactor = redactor("sk-proj-0123456789")
        #expect(redactor.feed(ByteBuffer(string: "hello")) == ByteBuffer(string: "hello"))
        #expect(redactor.feed(ByteBuffer(string: "hello sk-")) == ByteBuffer(string: "hello "))
        #expect(redactor.feed(ByteBuffer(string: "proj-")) == nil)
        #expect(redactor.feed(ByteBuffer(string: "x")) == ByteBuffer(string: "sk-proj-x"))
        #expect(redactor.feed(ByteBuffer(string: "s")) == nil)
        #expect(redactor.finish() == ByteBuffer(string: "s"))
        #expect(redactor.finish() == nil)
        let chunk = ByteBuffer(string: "nothing of it in here")
        let passed = try #require(redactor.feed(chunk))
        let addresses = [chunk, passed].map { buffer in buffer.withUnsafeReadableBytes { $0.baseAddress } }
        #expect(addresses[0] == addresses[1])
    }

    @Test func `the caller's copy of a chunk stays what it was`() {
        let redactor = redactor("sk-proj-0123456789")
        let chunk = ByteBuffer(string: "a sk-proj-0123456789 b")
        #expect(redactor.feed(chunk) == ByteBuffer(string: "a ****************** b"))
        #expect(chunk == ByteBuffer(string: "a sk-proj-0123456789 b"))
    }

    @Test(arguments: ["", "x", "none", "ollama"])
    func `what is too short to be a secret spoils no answer`(key: String) {
        #expect(run(key, "none of it, ollama") == "none of it, ollama")
        #expect(!redactor(key).contains("none ollama"))
    }
}
