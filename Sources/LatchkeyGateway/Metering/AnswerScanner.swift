/// Reads JSON that arrives in pieces, and takes from it what says how much was used. Nothing else is kept, so that its
/// memory does not grow with the answer.
///
/// It is no judge of JSON: of a text that is none it takes what it can find, and never stops. A member whose name is
/// written with escapes (`"us\u0061ge"`) is one it does not know.
struct AnswerScanner {
    private enum State: UInt8 {
        /// A value is to come; what it is, `child` tells.
        case value
        case string
        /// The model's name.
        case text
        /// A number, `true`, `false` or `null`.
        case scalar
        /// The first value of `choices`, or its end.
        case choices
        /// In an object or array of no interest, and in a string therein.
        case skip, skipString
        case member, name, colon
        /// A comma, or the end of an object.
        case after
    }

    private(set) var figures = UsageFigures()
    private(set) var model: String?

    // Of the document that is being read.
    private var state = State.value
    private var node = UsageNode.document
    private var child = UsageNode.root
    /// The objects around this one, a byte each, the nearest lowest. There are never more than the nodes allow for: six.
    private var outer: UInt64 = 0
    private var skipDepth = 0
    private var isEscaped = false
    private var hasEscapes = false
    private var name = NameBuffer()
    private var scalar = ScalarReader()
    private var text: [UInt8] = []

    // For whoever takes things out of the answer, in bytes from its beginning.
    private var comma = -1
    private(set) var hasEmptyChoices = false
    private(set) var hasUsage = false
    /// A top-level `,"usage":null`, comma included.
    private(set) var nullUsage: Range<Int>?

    /// Whether the document has come to its end, or has not begun.
    var isBetweenDocuments: Bool { node == .document && state == .value }

    /// Forgets the document, and keeps what it said.
    mutating func beginDocument() {
        state = .value
        node = .document
        child = .root
        outer = 0
        isEscaped = false
        comma = -1
        hasEmptyChoices = false
        hasUsage = false
        nullUsage = nil
    }

    /// Ends a number that nothing has followed yet: at the end of a line or of the answer.
    mutating func breakToken(at offset: Int) {
        if state == .scalar { endScalar(at: offset) }
    }

    /// - Parameter origin: how many bytes of the answer came before.
    mutating func scan(_ bytes: UnsafeRawBufferPointer, origin: Int) {
        guard let base = bytes.baseAddress else { return }
        let end = bytes.count
        var offset = 0
        while offset < end {
            switch state {
            case .skip: offset = skip(base, offset, end)
            case .string, .skipString: offset = string(base, offset, end)
            case .name: offset = memberName(base, offset, end)
            case .text: offset = modelText(base, offset, end)
            case .scalar: offset = scalarText(base, offset, end, origin)
            case .value, .choices, .member, .colon, .after:
                step(base.load(fromByteOffset: offset, as: UInt8.self), at: origin &+ offset)
                offset &+= 1
            }
        }
    }
}

// Between the tokens
extension AnswerScanner {
    private mutating func step(_ byte: UInt8, at offset: Int) {
        switch byte {
        case 0x20, 0x09, 0x0a, 0x0d: return
        default: break
        }
        switch state {
        case .member:
            if byte == UInt8(ascii: "\"") {
                name.count = 0
                hasEscapes = false
                state = .name
            } else if byte == UInt8(ascii: "}") {
                close()
            }
        case .colon: if byte == UInt8(ascii: ":") { state = .value }
        case .after: separator(byte, at: offset)
        case .choices:
            if byte == UInt8(ascii: "]") {
                hasEmptyChoices = true
                endValue()
            } else {
                enter(skipping: byte)
            }
        default: beginValue(byte, at: offset)
        }
    }

    private mutating func separator(_ byte: UInt8, at offset: Int) {
        switch byte {
        case UInt8(ascii: ","):
            comma = offset
            state = node == .list ? .value : .member
            child = node == .list ? .root : .nothing
        case UInt8(ascii: "}"), UInt8(ascii: "]"): close()
        default: break
        }
    }

    private mutating func beginValue(_ byte: UInt8, at offset: Int) {
        switch byte {
        case UInt8(ascii: "{"): beginObject()
        case UInt8(ascii: "["): beginArray()
        case UInt8(ascii: "\""):
            isEscaped = false
            hasEscapes = false
            guard child == .model, model == nil else { return state = .string }
            text.removeAll(keepingCapacity: true)
            state = .text
        case UInt8(ascii: "}"), UInt8(ascii: "]"): close()
        case UInt8(ascii: ","): break
        default:
            state = .scalar
            scalar = ScalarReader()
            scalar.add(byte)
        }
    }

    private mutating func beginObject() {
        guard child.isObject else {
            skipDepth = 1
            return state = .skip
        }
        if child == .usage, node == .root { hasUsage = true }
        push(child)
        state = .member
    }

    private mutating func beginArray() {
        if child == .choices {
            state = .choices
        } else if node == .document {
            push(.list)
            child = .root
        } else {
            skipDepth = 1
            state = .skip
        }
    }

    /// Goes on inside an array whose first value begins with `byte`.
    private mutating func enter(skipping byte: UInt8) {
        skipDepth = 1
        state = .skip
        switch byte {
        case UInt8(ascii: "{"), UInt8(ascii: "["): skipDepth = 2
        case UInt8(ascii: "\""):
            isEscaped = false
            state = .skipString
        default: break
        }
    }

    private mutating func push(_ next: UsageNode) {
        outer = outer << 8 | UInt64(node.rawValue)
        node = next
    }

    private mutating func close() {
        node = UsageNode(rawValue: UInt8(truncatingIfNeeded: outer)) ?? .document
        outer >>= 8
        endValue()
    }

    private mutating func endValue() {
        state = node == .document ? .value : .after
        child = .root
    }
}

// Tokens
extension AnswerScanner {
    private mutating func skip(_ base: UnsafeRawPointer, _ start: Int, _ end: Int) -> Int {
        var offset = start
        while true {
            offset = ByteScan.structure(base, offset, end)
            guard offset < end else { return end }
            let byte = base.load(fromByteOffset: offset, as: UInt8.self)
            offset &+= 1
            if byte == UInt8(ascii: "\"") {
                state = .skipString
                offset = string(base, offset, end)
                guard state == .skip else { return offset }
            } else if byte | 0x20 == UInt8(ascii: "{") {
                skipDepth &+= 1
            } else {
                skipDepth &-= 1
                if skipDepth == 0 {
                    endValue()
                    return offset
                }
            }
        }
    }

    /// To the end of a string, and behind it.
    @inline(__always)
    private mutating func string(_ base: UnsafeRawPointer, _ start: Int, _ end: Int) -> Int {
        var offset = start
        if isEscaped {
            isEscaped = false
            offset &+= 1
        }
        while true {
            offset = ByteScan.quoteOrBackslash(base, offset, end)
            guard offset < end else { return end }
            guard base.load(fromByteOffset: offset, as: UInt8.self) == UInt8(ascii: "\\") else { break }
            offset &+= 2
            guard offset <= end else {
                isEscaped = true
                return end
            }
        }
        if state == .skipString { state = .skip } else { endValue() }
        return offset &+ 1
    }

    private mutating func memberName(_ base: UnsafeRawPointer, _ start: Int, _ end: Int) -> Int {
        let stop = ByteScan.quoteOrBackslash(base, start, end)
        guard name.count == 0, !hasEscapes, stop < end,
            base.load(fromByteOffset: stop, as: UInt8.self) == UInt8(ascii: "\"")
        else { return memberNameInPieces(base, start, end) }
        child = node.member(UnsafeRawBufferPointer(start: base + start, count: stop &- start))
        let next = stop &+ 1
        guard next < end, base.load(fromByteOffset: next, as: UInt8.self) == UInt8(ascii: ":") else {
            state = .colon
            return next
        }
        state = .value
        return next &+ 1
    }

    private mutating func memberNameInPieces(_ base: UnsafeRawPointer, _ start: Int, _ end: Int) -> Int {
        var offset = start
        while offset < end {
            let byte = base.load(fromByteOffset: offset, as: UInt8.self)
            offset &+= 1
            if isEscaped {
                isEscaped = false
            } else if byte == UInt8(ascii: "\"") {
                child = hasEscapes ? .nothing : name.node(in: node)
                state = .colon
                return offset
            } else if byte == UInt8(ascii: "\\") {
                isEscaped = true
                hasEscapes = true
            } else {
                name.add(byte)
            }
        }
        return end
    }

    private mutating func modelText(_ base: UnsafeRawPointer, _ start: Int, _ end: Int) -> Int {
        state = .string
        let next = string(base, start, end)
        let isWhole = state != .string
        let count = (isWhole ? next &- 1 : next) &- start
        // One byte too many is kept as well, so that a name too long is seen to be.
        let room = ModelName.mostBytes + 1 - text.count
        text.append(contentsOf: UnsafeRawBufferPointer(start: base + start, count: min(count, room)))
        if isWhole { model = ModelName.read(text) } else { state = .text }
        return next
    }

    private mutating func scalarText(_ base: UnsafeRawPointer, _ start: Int, _ end: Int, _ origin: Int) -> Int {
        var offset = start
        let isWanted = child.isFigure || child == .usage
        while offset < end {
            let byte = base.load(fromByteOffset: offset, as: UInt8.self)
            switch byte {
            case UInt8(ascii: ","), UInt8(ascii: "}"), UInt8(ascii: "]"), 0x20, 0x09, 0x0a, 0x0d:
                endScalar(at: origin &+ offset)
                return offset
            default: if isWanted { scalar.add(byte) }
            }
            offset &+= 1
        }
        return end
    }

    private mutating func endScalar(at offset: Int) {
        if child.isFigure, let value = scalar.integer {
            figures.set(child, value)
        } else if child == .usage, node == .root, scalar.isNull, comma >= 0 {
            nullUsage = comma..<offset
        }
        endValue()
    }
}
