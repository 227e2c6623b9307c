import LatchkeyCore
import LatchkeyCrypto
import NIOCore

/// The members of a request's body that matter here.
struct RequestMembers {
    private(set) var model: String?
    private(set) var isStreamed = false
    /// Of one answer.
    private(set) var mostOutput: Int64?
    /// How many answers are asked for.
    private(set) var answers: Int64?
    /// What makes a body ask for the usage that does not; nil where it does, or cannot be made to.
    private(set) var usageEdit: BodyEdit?

    /// - Returns: nil for what is no JSON object by the letter.
    static func read(_ body: ByteBuffer) throws(LatchkeyError) -> RequestMembers? {
        let result: Result<RequestMembers?, LatchkeyError> = body.withUnsafeReadableBytes { bytes in
            do throws(LatchkeyError) { return .success(try read(bytes)) } catch { return .failure(error) }
        }
        return try result.get()
    }

    private static func read(_ bytes: UnsafeRawBufferPointer) throws(LatchkeyError) -> RequestMembers? {
        guard var scan = StrictScan(bytes) else { return nil }
        var found: [Found] = []
        let isObject = scan.object(in: bytes.indices) { member in
            if let name = MemberName(bytes, member.name) { found.append(Found(name: name, value: member.value)) }
        }
        guard isObject else { return nil }
        try refuseTwice(.model, "model", in: found)
        try refuseTwice(.stream, "stream", in: found)
        try refuseTwice(.streamOptions, "stream_options", in: found)
        var members = RequestMembers()
        for member in found { members.take(member, &scan) }
        if members.isStreamed { members.usageEdit = try edit(found, &scan) }
        return members
    }

    private static func refuseTwice(
        _ kind: MemberName.Kind, _ name: String, in found: [Found]
    ) throws(LatchkeyError) {
        guard found.count(where: { $0.name.kind == kind }) > 1 else { return }
        throw LatchkeyError(
            .duplicateMember, "the body has the member \"\(name)\" twice, and which one counts is not certain",
            hint: "send it once")
    }

    private mutating func take(_ member: Found, _ scan: inout StrictScan) {
        let text = UnsafeRawBufferPointer(rebasing: scan.bytes[member.value])
        switch member.name.kind {
        case .model where member.name.isExact && text.first == UInt8(ascii: "\""):
            model = ModelName.read(text.dropFirst().dropLast())
        case .stream where member.name.isExact: isStreamed = text.is("true")
        case .mostOutput: if let count = Self.count(text) { mostOutput = max(mostOutput ?? 0, count) }
        case .answers: if let count = Self.count(text) { answers = max(answers ?? 0, count) }
        case .configuration: takeConfiguration(member.value, &scan)
        default: break
        }
    }

    /// Gemini's and Bedrock's object with the numbers in it.
    private mutating func takeConfiguration(_ value: Range<Int>, _ scan: inout StrictScan) {
        let bytes = scan.bytes
        var found: [Found] = []
        _ = scan.object(in: value) { member in
            guard let name = MemberName(bytes, member.name), name.kind == .mostOutput || name.kind == .answers
            else { return }
            found.append(Found(name: name, value: member.value))
        }
        for member in found { take(member, &scan) }
    }

    /// A number of tokens or answers; nil for what is none.
    private static func count(_ text: UnsafeRawBufferPointer) -> Int64? {
        guard text.count <= 32 else { return nil }
        var reader = ScalarReader()
        for byte in text { reader.add(byte) }
        return reader.integer
    }

    private static func edit(_ found: [Found], _ scan: inout StrictScan) throws(LatchkeyError) -> BodyEdit? {
        // Azure refuses the parameter beside a source of data.
        guard !found.contains(where: { $0.name.kind == .dataSources }) else { return nil }
        guard let options = found.first(where: { $0.name.kind == .streamOptions }) else {
            guard let stream = found.first(where: { $0.name.kind == .stream }) else { return nil }
            return BodyEdit(at: stream.value.upperBound, text: #","stream_options":{"include_usage":true}"#)
        }
        let bytes = scan.bytes
        guard options.name.isExact else { return nil }
        guard !UnsafeRawBufferPointer(rebasing: bytes[options.value]).is("null") else {
            return BodyEdit(range: options.value, text: #"{"include_usage":true}"#)
        }
        var given: [Range<Int>] = []
        var isEmpty = true
        let isObject = scan.object(in: options.value) { member in
            isEmpty = false
            if MemberName(bytes, member.name)?.kind == .includeUsage { given.append(member.value) }
        }
        guard isObject else { return nil }
        guard given.count <= 1 else {
            throw LatchkeyError(
                .duplicateMember, "\"stream_options\" has the member \"include_usage\" twice", hint: "send it once")
        }
        guard let value = given.first else {
            return BodyEdit(
                at: options.value.lowerBound + 1, text: #""include_usage":true"# + (isEmpty ? "" : ","))
        }
        let text = UnsafeRawBufferPointer(rebasing: bytes[value])
        return text.is("false") || text.is("null") ? BodyEdit(range: value, text: "true") : nil
    }

    private struct Found {
        var name: MemberName
        var value: Range<Int>
    }
}
