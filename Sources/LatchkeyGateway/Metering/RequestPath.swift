/// What the path of a call says about it.
struct RequestPath {
    private(set) var operation: String?
    private(set) var model: String?
    private(set) var isStreamed = false
    /// OpenAI's chat and text completions.
    private(set) var takesStreamOptions = false

    init(_ path: String) {
        var path = path
        path.withUTF8 { read(UnsafeRawBufferPointer($0)) }
        guard path.utf8.contains(where: { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }) else { return }
        // Some providers do not tell `Deployments` from `deployments`. What is found only so is found all the same.
        var folded = path.lowercased()
        var other = RequestPath()
        folded.withUTF8 { other.read(UnsafeRawBufferPointer($0)) }
        operation = operation ?? other.operation
        model = model ?? other.model
        isStreamed = isStreamed || other.isStreamed
        takesStreamOptions = takesStreamOptions || other.takesStreamOptions
    }

    private init() {}

    private mutating func read(_ path: UnsafeRawBufferPointer) {
        var segments = Segments(path)
        var before = UnsafeRawBufferPointer(rebasing: path[0..<0])
        var last = before
        while let segment = segments.next() {
            // Azure, and Bedrock.
            if last.is("deployments") || last.is("model") { model = Self.text(Self.decoded(segment)) }
            before = last
            last = segment
        }
        readLast(last, below: before)
    }

    private mutating func readLast(_ segment: UnsafeRawBufferPointer, below collection: UnsafeRawBufferPointer) {
        if segment.contains(UInt8(ascii: "%")) || segment.contains(UInt8(ascii: ":")) {
            // `NAME:verb`, at the last colon.
            let segment = Self.decoded(segment)
            guard let colon = segment.lastIndex(of: UInt8(ascii: ":")) else { return }
            readVerb(segment[(colon + 1)...])
            // Of any other collection (`tunedModels/NAME`) its name belongs to the model's.
            let prefix =
                collection.is("models") || collection.isEmpty ? [] : Self.decoded(collection) + [UInt8(ascii: "/")]
            model = Self.text(prefix + segment[..<colon])
        } else {
            readName(segment, isChat: collection.is("chat"))
        }
    }

    private mutating func readVerb(_ verb: ArraySlice<UInt8>) {
        switch String(decoding: verb, as: UTF8.self) {
        case "generateContent": operation = "generate_content"
        case "streamGenerateContent":
            operation = "generate_content"
            isStreamed = true
        case "embedContent", "batchEmbedContents": operation = "embeddings"
        default: break
        }
    }

    private mutating func readName(_ name: UnsafeRawBufferPointer, isChat: Bool) {
        if name.is("completions") {
            operation = isChat ? "chat" : "text_completion"
            takesStreamOptions = true
        } else if name.is("chat") || name.is("messages") || name.is("responses") || name.is("converse") {
            operation = "chat"
        } else if name.is("converse-stream") {
            operation = "chat"
            isStreamed = true
        } else if name.is("generate") {
            operation = "text_completion"
        } else if name.is("embeddings") || name.is("embed") || name.is("multimodalembeddings")
            || name.is("contextualizedembeddings")
        {
            operation = "embeddings"
        }
    }

    private static func text(_ bytes: [UInt8]) -> String? {
        guard !bytes.isEmpty, bytes.count <= ModelName.mostBytes, !bytes.contains(where: { $0 < 0x20 || $0 == 0x7f })
        else { return nil }
        return String(validating: bytes, as: UTF8.self)
    }

    /// With its percent escapes decoded, once, as the provider does.
    private static func decoded(_ segment: UnsafeRawBufferPointer) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(segment.count)
        var offset = 0
        while offset < segment.count {
            if segment[offset] == UInt8(ascii: "%"), offset + 2 < segment.count,
                let high = Character(Unicode.Scalar(segment[offset + 1])).hexDigitValue,
                let low = Character(Unicode.Scalar(segment[offset + 2])).hexDigitValue
            {
                result.append(UInt8(truncatingIfNeeded: high << 4 | low))
                offset += 3
            } else {
                result.append(segment[offset])
                offset += 1
            }
        }
        return result
    }
}

/// The parts of a path between the slashes, empty ones left out.
private struct Segments {
    private let path: UnsafeRawBufferPointer
    private var offset = 0

    init(_ path: UnsafeRawBufferPointer) { self.path = path }

    mutating func next() -> UnsafeRawBufferPointer? {
        while offset < path.count, path[offset] == UInt8(ascii: "/") { offset += 1 }
        let start = offset
        while offset < path.count, path[offset] != UInt8(ascii: "/") { offset += 1 }
        return offset > start ? UnsafeRawBufferPointer(rebasing: path[start..<offset]) : nil
    }
}
